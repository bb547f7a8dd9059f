"""The conversion benchmark measures what it says, and records the target beside its ratio."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner


@pytest.fixture
def program(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "benchmarks")
    import prepare

    return prepare


@pytest.mark.slow
def test_the_record_has_every_candidate_and_the_target_beside_its_ratio(program, tmp_path):
    out = tmp_path / "out.json"
    result = CliRunner().invoke(program.main, ["--repeats", "1", "--frames", "128", "--json", str(out)])
    assert result.exit_code == 0, result.output
    whole = json.loads(out.read_text())
    assert [row["value"] for row in whole["rows"]] == ["copy", "1 worker", "2 workers"]
    assert whole["bytes"] == 128 * 2 * 256 * 256
    copy, one, two = (row["seconds"][0] for row in whole["rows"])
    assert whole["rows"][1]["÷ copy"] == pytest.approx(copy / one, abs=0.01)
    (verdict,) = whole["targets"]
    assert verdict["is"] == pytest.approx(one / two, rel=0.01)
    assert f"2 ÷ 1 workers: {verdict['is']:.3f}, target 1.60" in result.output


def test_ratios_are_medians_of_rounds_and_the_verdict_is_of_speeds(program):
    found = {
        "copy": [{"seconds": s, "peak_memory_mib": 9} for s in (1.0, 1.0, 4.0)],
        "1 worker": [{"seconds": s, "peak_memory_mib": m} for s, m in ((4.0, 1), (5.0, 7), (8.0, 3))],
        "2 workers": [{"seconds": s, "peak_memory_mib": 2} for s in (2.0, 2.5, 4.0)],
    }
    row = program.row_of("1 worker", found, 20_000_000)
    assert (row["MB/s"], row["÷ copy"], row["peak_memory_mib"]) == (4.0, 0.25, 7)


def test_the_source_is_what_the_card_says(program, tmp_path):
    from unistd.core.importing.task import ImportedTask
    from unistd.registry.import_card import load_card

    assert program.make_source(tmp_path, 70) == 70 * 2 * 256 * 256
    (sequence,) = ImportedTask(load_card(tmp_path / "card.yaml"), tmp_path).sequences()
    assert sequence.frames.shape == (70, 1, 256, 256)
    assert sequence.frames[69].compute().std() > 100
