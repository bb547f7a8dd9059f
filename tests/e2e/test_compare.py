"""``unistd compare`` on tiny runs: what it trains, what it reuses, and what it refuses."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unistd.cli.main import main

COMMAND = [sys.executable, "-P", "-c", "import sys; from unistd.cli.main import main; sys.exit(main())", "compare"]
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


def test_a_rank_phase_too_long_for_a_task_alone_is_refused_before_anything_is_trained(compared, spec, tmp_path, capsys):
    spec.write_text(spec.read_text().replace("phase: 0.5", "phase: {steps: 8}"))
    assert compared("--single", "ra-moe") == 2
    said = capsys.readouterr().err
    assert "'ra-moe' cannot train task 'city' alone: the rank phase of '8' steps does not end in the training" in said
    assert not list((tmp_path / "out").rglob("log.jsonl"))


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


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_runs_is_saved_and_stopped_when_the_comparison_is(compared, spec, tmp_path, number):
    arguments = [str(spec), "--out", str(tmp_path / "out"), "-o", "training.steps=100000"]
    run = tmp_path / "out" / "runs" / "tiny" / "seed-1"
    with subprocess.Popen([*COMMAND, *arguments], start_new_session=True, stderr=subprocess.PIPE) as process:
        _until(lambda: '"step": 2' in (run / "log.jsonl").read_text() if (run / "log.jsonl").exists() else False)
        if number == signal.SIGINT:  # as a terminal does, to all of them
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        process.wait(timeout=120)
        _until(lambda: (run / "checkpoints" / "last").exists() and not _trained_in(run))
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_a_run_whose_process_dies_is_told_and_the_next_one_is_trained(compared, spec, tmp_path):
    (tmp_path / "variants.yaml").write_text("long: {training.steps: 100000}\nlonger: {training.steps: 100000}\n")
    arguments = [str(spec), "--variants", str(tmp_path / "variants.yaml"), "--out", str(tmp_path / "out")]
    runs = {name: tmp_path / "out" / "runs" / name / "seed-1" for name in ("long", "longer")}
    with subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True) as process:
        for run in runs.values():
            _until(
                lambda run=run: '"step": 2' in (run / "log.jsonl").read_text() if (run / "log.jsonl").exists() else 0
            )
            os.kill(_grandchild(process.pid), signal.SIGKILL)
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == 1
    assert said.count("its process ended with code -9, perhaps for lack of memory") == 3  # twice told, once summed up
    assert "2 of 2 runs failed" in said


def _grandchild(pid: int) -> int:
    """Return the process that trains: a child of the server of processes, which is a child of ``pid``."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text().rpartition(")")
            parents[int(name.split()[0])] = int(rest.split()[1])
    (found,) = [child for child, parent in parents.items() if parents.get(parent) == pid]
    return found


def _until(done, seconds=120):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.2)


def _trained_in(run) -> bool:
    with (run / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
