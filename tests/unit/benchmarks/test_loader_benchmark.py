"""The loader benchmark reads what it is set against, and records what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

SPEC = """\
version: 1
name: tiny
model:
  backbone: {kind: timm-vit, variant: vit_tiny_patch16_224, depth: 1, width: 24, heads: 2, pretrained: false}
tasks:
  city: {kind: synthetic-traffic, days: 14, height: 8, width: 9, head: {kind: conv, width: 8}}
training: {batch: 4}
output: unused
"""


@pytest.fixture
def program(monkeypatch):
    """The program as a module, on frames that take milliseconds."""
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "benchmarks")
    import loader

    monkeypatch.setattr(loader, "BYTES", 2**20)
    monkeypatch.setattr(loader, "BATCHES", 3)
    monkeypatch.setattr(loader, "CASES", dict(list(loader.CASES.items())[-2:]))
    return loader


def test_the_array_and_the_store_give_the_same_windows(program, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(program, "Batch", lambda *own: made.append(own))
    for case in program.CASES.values():
        store, ways = program.candidates(case, tmp_path)
        made.clear()
        ways["numpy"]()
        reader = ways["cached"].args[0]
        assert reader.windows["frames"].store.held
        assert not ways["cold"].args[0].windows["frames"].store.held
        for step, (_, past, future, starts, valid) in enumerate(made):
            batch = reader.read(step)
            assert torch.equal(batch.starts, starts)
            assert batch.valid == valid
            np.testing.assert_array_equal(batch.past, past)
            np.testing.assert_array_equal(batch.future, future)
        assert np.isnan(store.read(0, 9)).any() == (case.card.get("missing") == "mask")


def test_the_record_has_every_way_and_the_targets_beside_their_numbers(program, tmp_path, monkeypatch):
    monkeypatch.setenv("UNISTD_STORES", str(tmp_path / "stores"))
    spec, out = tmp_path / "tiny.yaml", tmp_path / "out.json"
    spec.write_text(SPEC)
    result = CliRunner().invoke(
        program.main,
        ["--spec", str(spec), "--steps", "8", "--repeats", "5", "--json", str(out)],
        catch_exceptions=False,
    )
    whole = json.loads(out.read_text())
    reading = [row for row in whole["rows"] if row["table"] == "reading"]
    assert [row["way"] for row in reading] == ["numpy", "cached", "from disk", "cold"] * 2
    assert {row["÷ numpy"] for row in reading if row["way"] == "numpy"} == {1}
    assert all(len(row["seconds"]) == 5 for row in reading)
    waiting = [row for row in whole["rows"] if row["table"] == "waiting"]
    assert [row["cache"] for row in waiting] == ["auto", "never"]
    assert all(0 <= row["waiting"] < 1 and row["seconds a step"] > 0 for row in waiting)
    verdicts = {verdict["ratio"]: verdict for verdict in whole["targets"]}
    name = next(iter(program.CASES))
    assert verdicts[f"cached ÷ numpy, {name}"]["is"] == reading[1]["÷ numpy"]
    assert verdicts[f"cached ÷ numpy, {name}"]["met"] == (reading[1]["÷ numpy"] >= 0.8)
    assert "waiting ÷ step, tiny, cache never: " in result.output
    assert whole["peak_memory_mib"] > 10


def test_waiting_is_set_against_all_steps(program, tmp_path):
    rows = [
        {"event": "train", "step": 4, "seconds_per_step": 0.5, "waited": 0.25},
        {"event": "validate", "step": 4},
        {"event": "train", "step": 6, "seconds_per_step": 2.0, "waited": 0.75},
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    assert program.waited_and_whole(tmp_path / "log.jsonl") == (0.75, 6.0)
