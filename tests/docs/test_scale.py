"""The numbers of ``docs/scale.md`` are those of the record it names."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scale.md").read_text()
ROWS = json.loads((ROOT / "benchmarks" / "results" / "scale.json").read_text())["rows"]
BYTES = ("learned", "moments", "gradients", "activations")


def of(table: str) -> list[dict]:
    return [row for row in ROWS if row["table"] == table]


def test_steps_by_tasks():
    for row in of("tasks"):
        cells = [row["value"], f"{row['÷ first']:.3f}", *(f"{row[name] / 2**20:.2f}" for name in BYTES)]
        assert f"| {' | '.join(cells)} |" in PAGE


@pytest.mark.parametrize("table", ["experts", "tokens", "frames", "trunk"])
def test_steps_by_everything_else(table):
    ratios = ", ".join(f"{row['÷ first']:.2f}" for row in of(table))
    assert f"| {ratios} |" in PAGE


@pytest.mark.parametrize("piece", ["spec", "stores", "model", "schedule of 10,000 steps"])
def test_start_up(piece):
    seconds = [statistics.median(row["seconds"]) for row in of("startup") if row["value"] == piece]
    assert f"| | {' | '.join(f'{second:.2f}' for second in seconds)} |" in PAGE


def test_bytes_of_checkpoints_frames_and_the_large_model():
    sizes = " | ".join(f"{row['bytes'] / 2**20:.2f}" for row in of("checkpoint"))
    assert f"| MiB | {sizes} |" in PAGE
    for row in of("data"):
        assert f"| {row['frame']:,} | {row['stored']:,} | {row['write MB/s']:.0f} | {row['read MB/s']:.0f} |" in PAGE
    learned = [row["learned"] for row in of("vit-b") if "learned" in row]
    assert f"| learned, MiB | {' | '.join(f'{size / 2**20:.2f}' for size in learned)} |" in PAGE
