"""One joint run from its spec to its results."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from unistd.cli.main import main
from unistd.core.data.windows import Windows
from unistd.core.training.loop import JointTraining


def rows(run, event):
    return [row for line in (run / "log.jsonl").read_text().splitlines() if (row := json.loads(line))["event"] == event]


def test_metrics_are_those_of_evaluate(finished, capsys):
    metrics = json.loads((finished / "metrics.json").read_text())
    assert set(metrics["tasks"]) == {"city", "shapes"}
    assert set(metrics["tasks"]["shapes"]["test"]) == {"mse", "psnr"}
    assert "persistence" in metrics["tasks"]["city"]["baselines"]
    assert metrics["tasks"]["city"]["unit"] == "trips"
    assert main(["evaluate", str(finished), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    for task, record in metrics["tasks"].items():
        assert again["tasks"][task]["test"] == pytest.approx(record["test"], rel=1e-6)


def test_record_holds_defaults_versions_and_hashes(finished):
    record = json.loads((finished / "spec.json").read_text())
    assert record["spec"]["training"]["optimizer"]["betas"] == [0.9, 0.999]
    assert set(record["plugins"]) == {"unistd"}
    assert {len(store["digest"]) for store in record["stores"].values()} == {64}
    assert len(record["trunk"]) == 64


def test_log_has_every_step_once_and_both_tasks(finished):
    steps = [row["step"] for row in rows(finished, "train")]
    assert steps == [2, 4, 6, 8, 10, 12]
    assert sum(task["steps"] for row in rows(finished, "train") for task in row["tasks"].values()) == 12
    assert rows(finished, "train")[-1]["tasks"].keys() == {"city", "shapes"}
    assert [row["step"] for row in rows(finished, "validation")] == [4, 8, 12]


def test_trunk_kept_every_bit_and_everything_else_moved(finished, tmp_path, spec, last_tensors):
    assert main(["train", str(spec), "-o", "training.steps=1"]) == 0
    other = tmp_path / "run"
    first, last = last_tensors(other), last_tensors(finished)
    trunks = [load_file(run / "checkpoints" / "trunk.safetensors") for run in (other, finished)]
    assert all(torch.equal(trunks[0][name], trunks[1][name]) for name in trunks[0])
    assert not any("attn.qkv.linear" in name for name in last)
    moved = {
        name
        for name in last
        if name.startswith("model/") and name in first and not torch.equal(first[name], last[name])
    }
    assert any("adapter.up" in name for name in moved)
    assert any("temporal" in name for name in moved)
    assert any("heads.city" in name for name in moved)
    assert any("heads.shapes" in name for name in moved)


def test_pictures_are_drawn(finished):
    drawn = {path.name for path in (finished / "figures").iterdir()}
    assert drawn == {"city.png", "city.gif", "shapes.png", "shapes.gif"}
    assert (finished / "results.png").stat().st_size > 0


def test_same_spec_gives_the_same_bits(finished, spec, tmp_path, assert_same_bits):

    assert main(["train", str(spec)]) == 0
    assert_same_bits(tmp_path / "run", finished)


def test_dry_run_shows_the_plan_and_writes_no_run(spec, tmp_path, capsys):
    assert main(["train", str(spec), "--dry-run"]) == 0
    plan = capsys.readouterr().err
    assert "city" in plan
    assert "2×8×9" in plan
    assert not (tmp_path / "run").exists()


def test_validation_error_falls(spec, tmp_path):
    assert main(["train", str(spec), "-o", "training.steps=60", "-o", "training.checkpoint.every=20"]) == 0
    scores = [row["score"] for row in rows(tmp_path / "run", "validation")]
    assert scores[-1] < 0.97  # a fresh model is persistence and scores 1


def test_test_split_is_not_read_while_training(spec, monkeypatch):
    reads: list[str] = []
    during: list[str] = []
    read, fit = Windows.read, JointTraining.fit
    monkeypatch.setattr(Windows, "read", lambda self, indices: (reads.append(self.split), read(self, indices))[1])
    monkeypatch.setattr(JointTraining, "fit", lambda self, *rest: (fit(self, *rest), during.extend(reads))[0])
    assert main(["train", str(spec), "-o", "training.steps=4"]) == 0
    assert set(during) == {"train", "val"}
    assert "test" in reads  # the pictures, after training


def test_bf16_trains_and_is_not_fp32(spec, tmp_path, finished, last_tensors):
    assert main(["train", str(spec), "-o", "training.precision=bf16"]) == 0
    own, other = last_tensors(tmp_path / "run"), last_tensors(finished)
    weights = [name for name in own if name.startswith("model/") and "read_out.weight" in name]
    assert all(own[name].dtype == torch.float32 and own[name].isfinite().all() for name in weights)
    assert any(not torch.equal(own[name], other[name]) for name in weights)
