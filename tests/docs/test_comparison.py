"""What the pages say of the comparison is what its record says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unistd.core.comparison.outcome import Outcome
from unistd.core.comparison.summary import MEAN, Summary, summarise
from unistd.core.comparison.tables import markdown
from unistd.registry.registry import Registry
from unistd.registry.variants import load_variants

ROOT = Path(__file__).parents[2]


def recorded(name: str = "joint") -> Summary:
    record = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())
    return summarise([Outcome(**run) for run in record["runs"]], record["heads_only"])


@pytest.mark.parametrize(("name", "tables"), [("joint", 2), ("ablation", 1), ("joint_long", 1), ("joint_real", 1)])
def test_the_tables_of_the_page_are_those_of_the_records(name, tables):
    page = (ROOT / "docs" / "comparison.md").read_text().splitlines()
    rows = [row for part in markdown(recorded(name), "test").split("\n\n| ")[: tables + 1] for row in part.splitlines()]
    rows = [row if row.startswith("| ") else f"| {row}" for row in rows if "|" in row]
    assert len(rows) > 6 * tables
    assert [row for row in rows if row not in page] == []


def test_the_means_of_the_readme_are_those_of_the_record():
    readme = (ROOT / "README.md").read_text()
    for row in recorded().rows:
        value = row.errors[MEAN]
        assert f"{value.mean:.3f} ±{value.spread:.3f}" in readme, row.name


@pytest.mark.parametrize("name", ["rivals", "ablation"])
def test_the_variants_shipped_are_specs(name):
    folder = ROOT / "benchmarks" / "joint"
    specs = load_variants([folder / "spec.yaml"], Registry.discover(), folder / f"{name}.yaml")
    assert {"heads-only", "ra-moe"} < specs.keys()
