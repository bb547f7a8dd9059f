"""Runs killed in every way, in a few moments, give the bits of the run that nothing disturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_run_survives_one_kill_of_each_kind(tmp_path):
    program = Path(__file__).parents[3] / "benchmarks" / "resume.py"
    out = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, str(program), "--kills", "7", "--seed", "3", "--json", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "UNISTD_STORES": str(tmp_path / "stores")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    whole = json.loads(out.read_text())
    assert (whole["kills"], whole["same"]) == (7, 7)
    ended = {row["kind"]: row["ended"] for row in whole["rows"]}
    assert (ended["SIGKILL"], ended["cut while writing"], ended["disk full"]) == (-9, -9, 1)
