"""A trunk pre-trained from a spec to the weight file that another spec takes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from unistd.cli.main import main
from unistd.core.data.store import Store
from unistd.core.data.windows import Windows
from unistd.core.errors import ModelError
from unistd.core.pretraining.loop import Pretraining
from unistd.plugins.backbone_vit.timm_vit import timm_vit

SPEC = """\
name: still
seed: 3
backbone:
  {{kind: timm-vit, variant: vit_tiny_patch16_224, depth: 1, width: 24, heads: 2, pretrained: false, freeze: false}}
objective: {{kind: masked, decoder: {{width: 32}}}}
frames:
  city: {{task: {{kind: synthetic-traffic, days: 14, height: 8, width: 9}}, patch: 2}}
  shapes: {{task: {{kind: synthetic-motion, height: 12, width: 12, train: 10, val: 2, test: 2}}, patch: 3, crop: 9}}
training:
  steps: 12
  batch: 4
  held_out: 8
  optimizer: {{lr: 0.003}}
  checkpoint: {{every: 4, keep: 1}}
  log_every: 2
output: {output}
"""
LABELS = """\
name: colours
backbone:
  {{kind: timm-vit, variant: vit_tiny_patch16_224, depth: 1, width: 24, heads: 2, pretrained: false, freeze: false}}
objective: {{kind: labels}}
frames: {{photos: {{images: {images}, patch: 4, size: 8}}}}
training: {{steps: 40, batch: 8, optimizer: {{lr: 0.01}}, checkpoint: {{every: 20}}}}
output: {output}
"""
KILL = """
import os, signal, sys
from unistd.cli.main import main
from unistd.core.pretraining.loop import Pretraining
step = Pretraining._step
def killed(self, number, *rest):
    if number == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    step(self, number, *rest)
Pretraining._step = killed
main(["pretrain", sys.argv[1]])
"""


@pytest.fixture
def still(tmp_path):
    path = tmp_path / "still.yaml"
    path.write_text(SPEC.format(output=tmp_path / "run"))
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run; read only."""
    folder = tmp_path_factory.mktemp("pretrained")
    (folder / "still.yaml").write_text(SPEC.format(output=folder / "run"))
    assert main(["pretrain", str(folder / "still.yaml")]) == 0
    return folder / "run"


def best(run):
    step = json.loads((run / "metrics.json").read_text())["step"]
    return load_file(run / "checkpoints" / f"step-{step:08d}" / "model.safetensors")


def test_the_weight_file_gives_the_trained_trunk_bit_for_bit(whole):
    trunk = timm_vit(variant="vit_tiny_patch16_224", depth=1, width=24, heads=2, pretrained=whole / "trunk.safetensors")
    kept = {name.removeprefix("backbone."): t for name, t in best(whole).items() if name.startswith("backbone.")}
    twin = timm_vit(variant="vit_tiny_patch16_224", depth=1, width=24, heads=2, pretrained=False)
    first = twin(x := torch.randn(2, 7, 24), (1, 7))
    twin.load_state_dict(kept)
    assert torch.equal(trunk(x, (1, 7)), twin(x, (1, 7)))
    assert not torch.equal(trunk(x, (1, 7)), first)  # it has learnt


def test_the_weight_file_says_what_it_is(whole):
    with safe_open(whole / "trunk.safetensors", framework="pt") as file:
        metadata = file.metadata()
    assert {key: metadata[key] for key in ("kind", "variant", "depth", "heads")} == {
        "kind": "timm-vit",
        "variant": "vit_tiny_patch16_224",
        "depth": "1",
        "heads": "2",
    }
    assert len(metadata["spec"]) == 64
    assert metadata["unistd"]


@pytest.mark.parametrize("heads", [3, None])
def test_the_weight_file_with_other_heads_is_refused(whole, heads):
    with pytest.raises(ModelError, match="were pre-trained with heads '2'"):
        timm_vit(variant="vit_tiny_patch16_224", depth=1, width=24, heads=heads, pretrained=whole / "trunk.safetensors")


def test_the_line_printed_trains_in_a_run(still, spec, tmp_path, capsys):
    assert main(["pretrain", str(still), "-o", "training.steps=2"]) == 0
    (line,) = re.findall(r"^backbone: .*", capsys.readouterr().out, flags=re.MULTILINE)
    assert f"pretrained: {tmp_path / 'run' / 'trunk.safetensors'}" in line
    joint = re.sub(r"  backbone: .*", f"  {line}", spec.read_text())
    joint = re.sub(r"output: .*", f"output: {tmp_path / 'joint'}", joint)
    (tmp_path / "joint.yaml").write_text(joint)
    assert main(["train", str(tmp_path / "joint.yaml"), "-o", "training.steps=1"]) == 0
    trunk = load_file(tmp_path / "joint" / "checkpoints" / "trunk.safetensors")
    pretrained = load_file(tmp_path / "run" / "trunk.safetensors")
    assert all(torch.equal(trunk[name], own) for name, own in pretrained.items())


def test_held_out_loss_falls_below_predicting_the_mean(still, tmp_path, capsys):
    overrides = ["training.steps=150", "training.checkpoint.every=50", "training.batch=16"]
    assert main(["pretrain", str(still), *(part for o in overrides for part in ("-o", o))]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["frames"].keys() == {"city", "shapes"}
    assert all(own["loss"] < own["reference"] for own in metrics["frames"].values())
    assert metrics["frames"]["city"]["loss"] < 0.6 * metrics["frames"]["city"]["reference"]
    shown = capsys.readouterr().out
    assert "predicting the mean" in shown
    assert f"{metrics['frames']['city']['loss']:.4g}" in shown


def test_the_run_folder_is_whole(whole):
    names = {path.name for path in whole.iterdir()} - {".lock"}
    assert names == {
        *("spec.json", "log.jsonl", "checkpoints", "metrics.json", "reconstruction.png", "trunk.safetensors")
    }
    record = json.loads((whole / "spec.json").read_text())
    assert set(record["frames"]) == {"city", "shapes"}
    rows = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if row["event"] == "validation"] == [4, 8, 12]
    assert sum(own["steps"] for row in rows if row["event"] == "train" for own in row["tasks"].values()) == 12


@pytest.mark.parametrize("step", [pytest.param(3, marks=pytest.mark.slow), 7])
def test_sigkill_then_resume_is_bit_equal(step, still, tmp_path, whole, assert_same_bits):
    result = subprocess.run([sys.executable, "-c", KILL, str(still), str(step)], capture_output=True, check=False)
    assert result.returncode == -signal.SIGKILL, result.stderr.decode()
    assert main(["pretrain", str(still), "--resume"]) == 0
    assert_same_bits(tmp_path / "run", whole)
    own, wanted = (load_file(run / "trunk.safetensors") for run in (tmp_path / "run", whole))
    assert all(torch.equal(own[name], wanted[name]) for name in wanted)


def test_ctrl_c_saves_and_says_how_to_go_on(still, tmp_path, whole, capsys, monkeypatch, assert_same_bits):
    step = Pretraining._step

    def interrupting(self, number, *rest):
        step(self, number, *rest)
        if number == 6:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Pretraining, "_step", interrupting)
    assert main(["pretrain", str(still), "-o", "seed=3"]) == 0
    said = capsys.readouterr().err
    assert "stopped by SIGINT after step 6, all of it saved" in said
    assert f"unistd pretrain {still} -o seed=3 --resume" in said.replace("\n", "")
    assert not (tmp_path / "run" / "trunk.safetensors").exists()
    monkeypatch.undo()
    assert main(["pretrain", str(still), "--resume"]) == 0
    assert_same_bits(tmp_path / "run", whole)


def test_test_frames_are_never_read(still, monkeypatch):
    reads = []
    read, spans = Windows.read, Store.spans
    seen = []

    def spying(self, starts, length, *region):
        seen.extend(self.split[start + i] for start in starts for i in range(length))
        return spans(self, starts, length, *region)

    monkeypatch.setattr(Windows, "read", lambda self, indices: (reads.append(self.split), read(self, indices))[1])
    monkeypatch.setattr(Store, "spans", spying)
    monkeypatch.setattr(Store, "read", lambda *_: pytest.fail("frames read past the windows"))
    assert main(["pretrain", str(still)]) == 0
    assert set(reads) == {"train", "val"}
    assert set(seen) == {0, 1}


def test_an_existing_folder_is_left_alone(whole, capsys):
    before = (whole / "log.jsonl").read_bytes()
    assert main(["pretrain", str(whole.parent / "still.yaml")]) == 2
    assert "exists and is not empty" in capsys.readouterr().err
    assert (whole / "log.jsonl").read_bytes() == before


def test_another_spec_is_not_resumed(whole, capsys):
    assert main(["pretrain", str(whole.parent / "still.yaml"), "--resume", "-o", "objective.share=0.5"]) == 2
    assert "'objective.share' was 0.75, is 0.5" in capsys.readouterr().err


def test_a_run_of_pretraining_is_no_joint_run(whole, capsys):
    assert main(["evaluate", str(whole)]) == 2
    assert "this is a spec for pre-training, not for a joint run" in capsys.readouterr().err
    assert main(["show", str(whole)]) == 0
    assert "held_out: 8" in capsys.readouterr().out


@pytest.fixture
def coloured(tmp_path):
    """A folder of noise with more of one colour, which a constant answer cannot tell."""
    random = np.random.default_rng(0)
    for label, channel in (("red", 0), ("blue", 2)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(30):
            pixels = random.integers(0, 200, (8, 10, 3), dtype=np.uint8)
            pixels[:, :, channel] += 50
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    path = tmp_path / "colours.yaml"
    path.write_text(LABELS.format(images=tmp_path / "photos", output=tmp_path / "run"))
    return path


def test_labels_are_learnt(coloured, tmp_path, capsys):
    assert main(["pretrain", str(coloured)]) == 0
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())["frames"]["photos"]
    assert found["accuracy"] == 1.0
    assert found["loss"] < 0.5 * found["reference"]
    assert "accuracy" in capsys.readouterr().out
    assert not (tmp_path / "run" / "reconstruction.png").exists()
    assert (tmp_path / "run" / "trunk.safetensors").exists()


def test_other_images_are_not_resumed(coloured, tmp_path, capsys):
    assert main(["pretrain", str(coloured), "-o", "training.steps=1"]) == 0
    shutil.copy(tmp_path / "photos" / "red" / "0.png", tmp_path / "photos" / "red" / "more.png")
    assert main(["pretrain", str(coloured), "-o", "training.steps=1", "--resume"]) == 1
    assert "the frames of 'photos' are not the ones this run was started with" in capsys.readouterr().err


def test_a_checkpoint_of_another_run_is_not_mistaken(still, whole, tmp_path, capsys, monkeypatch):
    step = Pretraining._step

    def interrupted(self, number, *rest):
        step(self, number, *rest)
        if number == 4:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Pretraining, "_step", interrupted)
        assert main(["pretrain", str(still)]) == 0
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    shutil.copytree(whole / "checkpoints", tmp_path / "run" / "checkpoints")
    capsys.readouterr()
    assert main(["pretrain", str(still), "--resume"]) == 1
    assert "the checkpoint of step 12 belongs to another run" in capsys.readouterr().err
