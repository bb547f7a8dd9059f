"""The scale benchmark takes the trainer's own step, and counts and records what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from unistd.core.forecaster import Forecaster
from unistd.plugins.backbone_vit.timm_vit import timm_vit

BYTES = {"frozen", "learned", "moments", "gradients", "activations"}


@pytest.fixture
def program(monkeypatch):
    """The program as a module, on a trunk and frames that take milliseconds."""
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "benchmarks")
    import scale
    import training_step

    small = partial(timm_vit, variant="vit_tiny_patch16_224", pretrained=False, depth=1, width=24, heads=2)
    monkeypatch.setattr(training_step, "timm_vit", lambda **_: small())
    monkeypatch.setattr(scale, "BASE", training_step.Case(side=2, width=8, depth=1, batch=2))
    monkeypatch.setattr(scale, "IMPORTS", "pass")
    monkeypatch.setattr(scale, "FRAMES", 64)
    monkeypatch.setattr(scale, "TASKS", (1, 3))
    monkeypatch.setattr(scale, "FEWER", (1, 3))
    return scale


@pytest.mark.slow
def test_the_record_has_every_table_and_the_target_beside_its_ratio(program, tmp_path):
    result = CliRunner().invoke(program.main, ["--repeats", "3", "--json", str(tmp_path / "out.json")])
    assert result.exit_code == 0, result.output
    whole = json.loads((tmp_path / "out.json").read_text())
    assert list(dict.fromkeys(row["table"] for row in whole["rows"])) == list(program.TABLES)
    of = {name: [row for row in whole["rows"] if row["table"] == name] for name in program.TABLES}
    assert [row["value"] for row in of["tasks"]] == ["1", "3"]
    assert all(set(row) >= BYTES and len(row["seconds"]) == 9 for row in of["tasks"])
    assert [row["value"] for row in of["tokens"]] == ["2×2", "4×4", "8×8"]
    assert {(row["value"], row["tasks"]) for row in of["startup"]} >= {("imports", 0), ("model", 3), ("stores", 3)}
    assert of["checkpoint"][-1]["bytes"] > of["checkpoint"][1]["bytes"] > of["checkpoint"][0]["bytes"]
    assert of["data"][0]["frame"] == 2 * 128 * 128
    (verdict,) = whole["targets"]
    assert verdict["is"] == of["tasks"][-1]["÷ first"]
    assert f"3 ÷ 1 tasks: {verdict['is']:.3f}, target 1.05: {'met' if verdict['met'] else 'missed'}" in result.output


def test_only_one_table_and_no_verdict_without_the_tasks(program, tmp_path):
    result = CliRunner().invoke(
        program.main, ["--only", "frames", "--repeats", "3", "--json", str(tmp_path / "f.json")]
    )
    whole = json.loads((tmp_path / "f.json").read_text())
    assert [(row["table"], row["value"]) for row in whole["rows"]] == [
        ("frames", "4"),
        ("frames", "8"),
        ("frames", "16"),
    ]
    assert whole["targets"] == []
    assert "target" not in result.output


def test_bytes_are_those_of_all_tasks_but_gradients_and_activations_of_one(program, tmp_path):
    few, many = (program.TrainingStep(replace(program.BASE, tasks=n), tmp_path).bytes() for n in (1, 3))
    head = (many["learned"] - few["learned"]) // 2
    assert head > 0
    assert (many["moments"] - few["moments"]) == 4 * head
    assert many["gradients"] == few["gradients"] == few["learned"]
    assert many["activations"] == pytest.approx(few["activations"], rel=0.01)
    assert many["frozen"] == few["frozen"]


def test_activations_grow_with_the_batch(program):
    case = program.BASE
    forecaster: Forecaster = case.forecaster()
    one, two = (
        program.kept_for_backward(forecaster, "task-0", torch.randn(n, 8, 1, 8, 8), torch.randn(n, 4, 1, 8, 8))[0]
        for n in (8, 16)
    )
    assert two == pytest.approx(2 * one, rel=0.05)


def test_a_step_trains_its_own_task_and_no_other_head(program, tmp_path):
    step = program.TrainingStep(replace(program.BASE, tasks=2), tmp_path)
    before = {name: p.detach().clone() for name, p in step.forecaster.named_parameters()}
    step("task-1")
    moved = {name for name, p in step.forecaster.named_parameters() if not torch.equal(p, before[name])}
    assert any("heads.task-1" in name for name in moved)
    assert any("adapter" in name for name in moved)
    assert not any("heads.task-0" in name for name in moved)
