"""``unistd compare`` on tiny runs: what it trains, what it reuses, and what it refuses."""

from __future__ import annotations

import json

import pytest

from unistd.cli.main import main

VARIANTS = """\
ra-moe: {}
frozen: {model.adapter: {kind: none}, model.temporal: {kind: none}}
"""


@pytest.fixture
def compared(spec, tmp_path):
    """Give a function that compares two variants, with more options."""
    (tmp_path / "variants.yaml").write_text(VARIANTS)

    def run(*options: str) -> int:
        out, variants = str(tmp_path / "out"), str(tmp_path / "variants.yaml")
        return main(["compare", str(spec), "--variants", variants, "--out", out, *options])

    return run


def test_a_comparison_trains_all_variants_once_and_says_what_train_and_evaluate_say(
    compared, finished, tmp_path, capsys
):
    out = tmp_path / "out"
    assert compared("--single", "ra-moe", "--jobs", "2") == 0
    assert "4 runs, 4 of them to do" in capsys.readouterr().err
    found = json.loads((out / "comparison.json").read_text())
    assert found["rows"].keys() == {"ra-moe", "ra-moe, each alone", "frozen"}
    both = {"city": 24, "shapes": 24}
    assert [run["samples"] for run in found["runs"]] == [both, {"city": 24}, {"shapes": 24}, both]
    alone = {run["alone"]: run["errors"] for run in found["runs"] if run["alone"]}
    assert found["rows"]["ra-moe, each alone"]["errors"]["city"]["mean"] == alone["city"]["city"]
    assert (out / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert "| ra-moe, each alone |" in (out / "comparison.md").read_text()

    metrics = json.loads((finished / "metrics.json").read_text())
    for task, record in metrics["tasks"].items():
        ratio = record["test"]["mse"] / record["baselines"]["persistence"]["mse"]
        assert found["runs"][0]["errors"][task] == pytest.approx(ratio, rel=1e-6)
    assert found["runs"][0]["step"] == metrics["step"]

    assert compared() == 0
    assert "2 runs, 0 of them to do" in capsys.readouterr().err
    assert json.loads((out / "comparison.json").read_text())["runs"] == [found["runs"][0], found["runs"][3]]

    assert compared("-o", "training.optimizer.lr=0.1") == 2
    assert "was started with another spec: 'training.optimizer.lr'" in capsys.readouterr().err


def test_variants_on_unequal_budgets_are_refused_before_anything_is_trained(spec, tmp_path, capsys):
    (tmp_path / "variants.yaml").write_text("a: {}\nb: {training.steps: 13}\n")
    arguments = ["compare", str(spec), "--variants", str(tmp_path / "variants.yaml"), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "the budgets differ: 'a' trains on 24 samples of task 'shapes', 'b' on 28" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_run_that_fails_is_told_and_the_others_are_kept_and_validation_leaves_the_test_split_alone(
    compared, tmp_path, capsys
):
    broken = tmp_path / "out" / "runs" / "ra-moe" / "seed-1"
    broken.mkdir(parents=True)
    (broken / "spec.json").write_text("no JSON")
    assert compared("--split", "val") == 1
    error = capsys.readouterr().err
    assert "1 of 2 runs failed, the first of them: ra-moe, seed 1:" in error
    assert "no readable spec.json" in error
    record = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert (record["split"], record["rows"].keys()) == ("val", {"frozen"})
    whole = tmp_path / "out" / "runs" / "frozen" / "seed-1"
    assert [path.name for path in whole.glob("outcome-*")] == ["outcome-val.json"]
