"""A run stopped anywhere and resumed equals the uninterrupted one, bit for bit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from unistd.cli.main import main
from unistd.core.training.loop import JointTraining

KILL_AT_STEP = """
import os, signal, sys
from unistd.cli.main import main
from unistd.core.training.loop import JointTraining
step = JointTraining._step
def killed(self, number, *rest):
    if number == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    step(self, number, *rest)
JointTraining._step = killed
main(["train", sys.argv[1]])
"""
KILL_WHILE_SAVING = """
import os, signal, sys
from unistd.cli.main import main
from unistd.core.training import checkpoint
write, count = checkpoint.write_durably, [0]
def killed(path, data):
    if path.name == "optimizer.safetensors":
        count[0] += 1
        if count[0] == int(sys.argv[2]):
            path.write_bytes(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
    write(path, data)
checkpoint.write_durably = killed
main(["train", sys.argv[1]])
"""


# The rank phase ends with step 6, checkpoints are of steps 4, 8 and 12.
@pytest.mark.parametrize(
    ("script", "number"),
    [
        (KILL_AT_STEP, 7),
        (KILL_WHILE_SAVING, 2),
        pytest.param(KILL_AT_STEP, 3, marks=pytest.mark.slow),
        pytest.param(KILL_AT_STEP, 11, marks=pytest.mark.slow),
    ],
)
def test_sigkill_then_resume_is_bit_equal(script, number, spec, tmp_path, finished, assert_same_bits):
    result = subprocess.run([sys.executable, "-c", script, str(spec), str(number)], capture_output=True, check=False)
    assert result.returncode == -signal.SIGKILL, result.stderr.decode()
    assert main(["train", str(spec), "--resume"]) == 0
    assert_same_bits(tmp_path / "run", finished)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()) == json.loads(
        (finished / "metrics.json").read_text()
    )


def test_ctrl_c_saves_and_says_how_to_go_on(spec, tmp_path, finished, capsys, monkeypatch, assert_same_bits):
    step = JointTraining._step

    def interrupting(self, number, *rest):
        step(self, number, *rest)
        if number == 6:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(JointTraining, "_step", interrupting)
    assert main(["train", str(spec), "-o", "seed=1"]) == 0
    said = capsys.readouterr().err
    assert "stopped by SIGINT after step 6, all of it saved" in said
    assert f"unistd train {spec} -o seed=1 --resume" in said.replace("\n", "")
    monkeypatch.undo()
    assert main(["train", str(spec), "--resume"]) == 0
    assert_same_bits(tmp_path / "run", finished)


def test_a_finished_run_resumes_to_its_results(finished, last_tensors):
    spec = finished.parent / "tiny.yaml"
    before = last_tensors(finished)
    assert main(["train", str(spec), "--resume"]) == 0
    assert before.keys() == last_tensors(finished).keys()


def test_another_spec_is_not_resumed(finished, capsys):
    spec = finished.parent / "tiny.yaml"
    assert main(["train", str(spec), "--resume", "-o", "training.batch=8"]) == 2
    said = capsys.readouterr().err
    assert "was started with another spec: 'training.batch' was 4, is 8" in said


def test_workers_do_not_change_the_result(spec, tmp_path, finished, assert_same_bits):
    assert main(["train", str(spec), "-o", "training.workers=3", "-o", "training.cache=never"]) == 0
    assert_same_bits(tmp_path / "run", finished)


def test_a_store_that_was_written_anew_is_not_mistaken(spec, tmp_path, capsys):
    store = tmp_path / "frames.zarr"
    text = spec.read_text()
    spec.write_text(text.replace("train: 10,", f"train: 10, store: {store},"))
    assert main(["train", str(spec), "-o", "training.steps=1"]) == 0
    shutil.rmtree(store)
    other = tmp_path / "other.yaml"
    other.write_text(spec.read_text().replace("train: 10,", "train: 11,"))
    assert main(["train", str(other), "--dry-run"]) == 0  # another set of frames at the same place
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "run")]) == 1
    assert "the store of task 'shapes' is not the one this run was trained on" in capsys.readouterr().err
