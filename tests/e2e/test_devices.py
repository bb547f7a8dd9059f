"""``--devices`` on the command line: processes of their own, started by the command or by torchrun."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from unistd.cli.main import main

COMMAND = "import sys; from unistd.cli.main import main; sys.exit(main())"
PYTHON = "import sys, unistd; unistd.train(unistd.compose(unistd.load_spec(sys.argv[1])), strategy='fsdp')"
DYING = """
import os, sys
from unistd.core.training.loop import JointTraining
step = JointTraining._step
def dying(self, number, *rest):
    if os.environ["RANK"] == "1" and number == 7:
        raise ValueError("a broken plug-in")
    step(self, number, *rest)
JointTraining._step = dying
from unistd.cli.main import main
sys.exit(main())
"""

pytestmark = pytest.mark.slow


def assert_close(run, other, tensors):
    own, wanted = tensors(run), tensors(other)
    assert own.keys() - wanted.keys() == {"random/cpu.1"}
    for name in wanted.keys() - {"random/cpu"}:
        torch.testing.assert_close(own[name], wanted[name], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_devices_give_the_run_of_one_and_its_scores(strategy, spec, tmp_path, finished, last_tensors, capfd):
    assert main(["train", str(spec), "--devices", "2", "--strategy", strategy]) == 0
    assert capfd.readouterr().out.count("Scores on the test split") == 1
    run = tmp_path / "run"
    assert_close(run, finished, last_tensors)
    own, wanted = (json.loads((folder / "metrics.json").read_text())["tasks"] for folder in (run, finished))
    for task in wanted:
        assert own[task]["test"] == pytest.approx(wanted[task]["test"], rel=1e-5)
        assert own[task]["baselines"] == wanted[task]["baselines"]
    assert f"--devices 2 --strategy {strategy}" in json.loads((run / "spec.json").read_text())["command"]


def test_a_trunk_that_cannot_be_shared_out_is_refused_before_anything_is_written(spec, tmp_path, capfd):
    free = ["-o", "model.backbone.freeze=false", "--devices", "2", "--strategy", "fsdp"]
    assert main(["train", str(spec), *free]) == 2
    assert "has none that are frozen" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()


def test_evaluate_gives_the_same_bytes(finished, capfd):
    said = []
    for devices in ([], ["--devices", "2"]):
        assert main(["evaluate", str(finished), "--json", *devices]) == 0
        said.append(capfd.readouterr().out)
    assert said[0] == said[1]


def torchrun(*args):
    starter = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    subprocess.run([sys.executable, "-P", *starter, sys.executable, "-P", "-c", *map(str, args)], check=True)


def test_torchrun_starts_it_as_well(spec, tmp_path, finished, last_tensors):
    torchrun(COMMAND, "train", spec)
    assert_close(tmp_path / "run", finished, last_tensors)


def test_from_python_under_torchrun_one_process_talks(spec, tmp_path, finished, last_tensors, capfd):
    torchrun(PYTHON, spec)
    assert_close(tmp_path / "run", finished, last_tensors)
    assert capfd.readouterr().err.count("scoring the best checkpoint") == 1


def test_a_process_that_dies_is_named_and_the_run_goes_on_later(
    spec, tmp_path, finished, last_tensors, capfd, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr("unistd.cli.launch.COMMAND", DYING)
        assert main(["train", str(spec), "--devices", "2"]) == 1
    said = capfd.readouterr().err
    assert "process '1' of 2 failed with code 1, and the others were stopped; it said" in said
    assert "| ValueError: a broken plug-in" in said
    assert main(["train", str(spec), "--resume", "--devices", "2"]) == 0
    assert_close(tmp_path / "run", finished, last_tensors)
