"""What is restored is told and recorded, and nothing is missing, left over, foreign or of another version unsaid."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from unistd.core.data.normalization import Normalization
from unistd.core.errors import CheckpointError
from unistd.core.forecaster import Forecaster
from unistd.core.model import UnifiedModel
from unistd.core.training.account import check_own, check_whole
from unistd.core.training.checkpoint import Checkpoint, CheckpointFolder
from unistd.core.training.optimizer import build_optimizer
from unistd.core.training.settings import AdamW
from unistd.core.training.state import restore_model, restore_progress
from unistd.core.training.versions import changes, check_versions
from unistd.plugins.backbone_gsta.gsta import Gsta
from unistd.plugins.head_conv.conv_head import ConvHead

GOLDEN = Path(__file__).parent / "golden" / "format-2"
THEN = {"plugins": {"rain": "1.2", "unistd": "0.1.0"}, "packages": {"torch": "2.6", "rich": "13"}, "machine": {}}


def stopped(training, at, **options):
    """A run that a signal stopped after step ``at``."""
    made = training(**options)
    step = made.training._step

    def stopping(number, *rest):
        step(number, *rest)
        if number == at:
            made.training.progress.advance = lambda *_: None
            import os
            import signal

            os.kill(os.getpid(), signal.SIGTERM)

    made.training._step = stopping
    assert made.fit().stopped_by == "SIGTERM"
    return made


@pytest.mark.parametrize("options", [{}, {"ema": 0.9, "accumulate": 2}])
def test_a_stopped_run_goes_on_to_the_same_bits_and_the_same_log(training, options):
    whole = training("whole", **options)
    whole.fit()
    stopped(training, 5, **options)
    again = training(**options)
    again.fit()
    own, wanted = again.stored(), whole.stored()
    assert own.keys() == wanted.keys()
    assert [name for name in own if not torch.equal(own[name], wanted[name])] == []
    for event in ("validation", "ranks", "experts", "alarm"):
        assert again.rows(event) == whole.rows(event)
    losses = [[(row["step"], row["tasks"], row["lr"]) for row in made.rows("train")] for made in (again, whole)]
    assert losses[0] == losses[1]


def test_what_is_restored_is_said_and_recorded(training):
    stopped(training, 5, ema=0.9)
    again = training(ema=0.9, versions={"packages": {"torch": "2"}})
    again.fit()
    (row,) = again.rows("resume")
    assert row["step"] == 5
    assert row["tensors"].keys() == {"model", "optimizer", "average", "random"}
    assert row["ranks_fixed"]
    assert row["unlogged"] == 1
    tensors = row["tensors"]
    assert (
        f"restored: {tensors['model']} tensors of the model, {tensors['optimizer']} tensors of the optimiser,"
        in again.said
    )
    assert "of the averaged weights, random numbers, fixed ranks, best score" in again.said
    task = again.reader.schedule.task(5)
    windows = ", ".join(map(str, again.reader.schedule.indices(5)))
    assert f"next: task '{task}', windows {windows}, as the checkpoint foretold" in again.said


def test_another_order_of_batches_stops_the_load(training):
    stopped(training, 5)
    before = training().folder.log.read_text()
    again = training(weights={"a": 1.0, "b": 9.0})
    with pytest.raises(CheckpointError, match=r"step 6 was to train on task '.', windows .*, now it would on task 'b'"):
        again.fit()
    assert again.folder.log.read_text() == before


def test_what_is_missing_or_left_over_stops_the_load_by_name(training):
    stopped(training, 5, ema=0.9)
    with pytest.raises(
        CheckpointError, match="the training has no place for the checkpoint's group of tensors 'average'"
    ):
        training().fit()
    last = training().folder.checkpoints.last()
    whole = training().folder.checkpoints.load(last)
    for state, said in (
        ({k: v for k, v in whole.state.items() if k != "tally"}, "the checkpoint lacks the value 'tally'"),
        ({**whole.state, "mood": 1}, "the training has no place for the checkpoint's value 'mood'"),
    ):
        with pytest.raises(CheckpointError, match=said):
            check_whole(replace(whole, state=state), ("ranks_fixed",), ("model", "optimizer", "average"))


def test_a_moment_that_is_missing_or_misshapen_is_named(training):
    made = training(steps=5)
    made.fit()
    whole = made.folder.checkpoints.load(made.folder.checkpoints.last())
    moments = dict(whole.tensors["optimizer"])
    name = "exp_avg/model.heads.a.read_out.weight"
    optimizer = build_optimizer(made.forecaster, AdamW())
    for tensors, said in (
        ({k: v for k, v in moments.items() if k != name}, f"the checkpoint lacks the optimiser's '{name}'"),
        ({**moments, name: moments[name][:1]}, f"the optimiser's '{name}' has another shape than its parameter"),
    ):
        altered = replace(whole, tensors={**whole.tensors, "optimizer": tensors})
        with pytest.raises(CheckpointError, match=said):
            restore_progress(altered, made.forecaster, optimizer)


def test_versions_are_told_by_what_they_do():
    now = {"plugins": {"rain": "1.3", "unistd": "0.2.0"}, "packages": {"torch": "2.7", "rich": "14"}, "machine": {}}
    assert [(change.name, change.effect) for change in changes(THEN, now)] == [
        ("rain", "numerics"),
        ("torch", "numerics"),
        ("unistd", "numerics"),
        ("rich", "harmless"),
    ]
    assert str(changes(THEN, now)[1]) == "torch was 2.6, is 2.7: numbers may differ in their last bits from here on"
    assert changes(THEN, THEN) == []


def test_another_major_plugin_stops_the_load():
    with pytest.raises(CheckpointError) as caught:
        check_versions(THEN, {**THEN, "plugins": {"rain": "2.0", "unistd": "0.1.0"}})
    assert "plug-in 'rain' was 1.2 when the checkpoint was written, is 2.0" in str(caught.value)
    assert caught.value.help == "pip install 'rain==1.2', or start a new run"


def test_changed_versions_are_said_on_resume(training):
    stopped(training, 5, versions={"packages": {"torch": "2.6"}})
    again = training(versions={"packages": {"torch": "2.7"}})
    again.fit()
    assert "torch was 2.6, is 2.7: numbers may differ" in again.said
    assert again.rows("resume")[0]["versions"][0]["effect"] == "numerics"


def golden() -> Forecaster:
    head = ConvHead(past=2, future=2, channels_in=1, channels_out=1, trunk_width=4, width=4)
    model = UnifiedModel(Gsta(width=4, depth=1, drop_path=0.0, norm="batch"), {"a": head})
    return Forecaster(model, {"a": Normalization(torch.zeros(1), torch.ones(1))})


def test_a_checkpoint_of_format_2_still_loads_and_forecasts_what_it_did():
    folder = CheckpointFolder(GOLDEN)
    whole = folder.load(folder.last())
    check_whole(whole, ("ranks_fixed",), ("model", "optimizer"))
    made = golden()
    restore_model(whole, made)
    restore_progress(whole, made, build_optimizer(made, AdamW()))
    past = torch.linspace(-1, 1, 256).reshape(2, 2, 1, 8, 8)
    forecast = made.eval().forecast("a", past)
    assert forecast.flatten()[:3].tolist() == pytest.approx([-0.4923640, -0.4841961, -0.4771515], abs=1e-5)
    assert folder.best().name == "step-00000002"


@pytest.mark.parametrize(
    ("known", "help_"), [(1, "use the unistd that wrote it: its adapters"), (9, "install a newer unistd")]
)
def test_a_format_that_cannot_be_read_is_named(tmp_path, known, help_):
    folder = CheckpointFolder(tmp_path)
    path = folder.save(Checkpoint(1, {}, {"best": {}}), keep=1)
    state = json.loads((path / "state.json").read_text()) | {"format": known}
    resigned(path, state)
    with pytest.raises(CheckpointError, match=f"format '{known}', this unistd reads 2 to 3") as caught:
        folder.load(path)
    assert caught.value.help.startswith(help_)


def resigned(path, state):
    from hashlib import sha256

    (path / "state.json").write_text(json.dumps(state))
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["state.json"] = sha256((path / "state.json").read_bytes()).hexdigest()
    (path / "manifest.json").write_text(json.dumps(manifest))


def test_foreign_files_and_folders_are_found_and_only_a_sound_one_is_offered(tmp_path):
    folder = CheckpointFolder(tmp_path)
    paths = [folder.save(Checkpoint(step, {}, {"best": {}}), keep=3) for step in (1, 2, 3)]
    shutil.copy(paths[0] / "state.json", paths[2] / "notes.json")
    (paths[1] / "state.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"'step-00000003' is damaged: 'notes.json' does not belong") as caught:
        folder.load(paths[2])
    assert caught.value.help == "delete that folder, then --resume goes on from 'step-00000001'"
    shutil.rmtree(paths[2])
    shutil.copytree(paths[0], paths[2])
    with pytest.raises(CheckpointError, match="it is the one of step 1 under another name"):
        folder.load(paths[2])


def test_a_checkpoint_of_another_run_is_refused_and_a_nameless_one_believed():
    own = Checkpoint(3, {}, {"run": "abc"})
    check_own(own, "abc", "runs/x")
    check_own(Checkpoint(3, {}, {"run": ""}), "def", "runs/x")
    with pytest.raises(CheckpointError, match="the checkpoint of step 3 belongs to another run") as caught:
        check_own(own, "def", "runs/x")
    assert caught.value.where == "runs/x"
