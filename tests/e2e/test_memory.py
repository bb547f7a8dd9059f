"""Scores and forecasts take the memory of a batch, or of a tile, however much there is on disk."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import dask.array as da
import numpy as np
import pytest

from unistd.cli.main import main
from unistd.core.data.prepare import prepare
from unistd.core.task import Channel, FrameSequence, Task, TaskCard, Window

pytestmark = pytest.mark.slow

SPEC = """\
version: 1
name: many
model:
  backbone: {{kind: identity, width: 24}}
  adapter: {{kind: none}}
  temporal: {{kind: none}}
tasks:
  shapes: {{kind: synthetic-motion, train: 10, val: 2, test: {test}, head: {{kind: conv, width: 8}}}}
training: {{steps: 2, batch: 4, checkpoint: {{every: 2}}}}
output: {output}
"""
MEBIBYTE = 2**20
SIDE = 3072


class Wide(Task):
    card = TaskCard(
        name="wide",
        discipline="test",
        version="1",
        channels=(Channel(name="rain", unit="mm"),),
        step=(1, "h"),
        window=Window(past=4, future=4),
        source="made here",
    )

    def sequences(self):
        row = da.arange(SIDE, chunks=SIDE, dtype="float32")
        frames = da.stack([da.broadcast_to(row % (7 + at), (1, SIDE, SIDE)) for at in range(8)])
        for day, split in enumerate(("train", "val", "test")):
            times = np.datetime64("2024-01-01") + np.timedelta64(day, "D") + np.arange(8) * np.timedelta64(1, "h")
            yield FrameSequence(name=split, frames=frames, times=times, split=split)


def peak_growth(before: str, what: str) -> int:
    """Run ``before`` and ``what`` in a process of its own and return by how many bytes ``what`` raised its peak."""
    program = (
        f"import resource\n{dedent(before)}\nat = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n{dedent(what)}\n"
    )
    program += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - at)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout.splitlines()[-1]) * (1 if sys.platform == "darwin" else 1024)


def test_scoring_forty_times_the_windows_takes_no_more_memory(tmp_path):
    grew = []
    for test in (50, 2000):
        spec = tmp_path / f"{test}.yaml"
        spec.write_text(SPEC.format(test=test, output=tmp_path / str(test)))
        assert main(["train", str(spec)]) == 0
        run = str(tmp_path / str(test))
        grew.append(peak_growth("from unistd.cli.main import main", f"assert main(['evaluate', {run!r}]) == 0"))
    more = 1950 * 20 * 32 * 32 * 4
    assert more > 150 * MEBIBYTE
    assert grew[1] - grew[0] < 30 * MEBIBYTE, grew


def test_a_grid_is_forecast_in_the_memory_of_a_tile(tmp_path):
    prepare(Wide(), tmp_path / "wide.zarr")
    before = f"""
        from pathlib import Path
        from unistd.core.data.store import Store
        from unistd.core.data.windows import Windows
        from unistd.core.prediction.tiles import Tiling
        from unistd.core.prediction.write import write_forecasts
        folder = Path({str(tmp_path)!r})
        windows = Windows(Store.open(folder / "wide.zarr"), "test", 4, 4)
    """
    what = """
        tiling = Tiling(512, 32)
        write_forecasts(folder / "out.zarr", windows, lambda past, _: past.cumsum(1), batch=1, tiling=tiling)
    """
    window = 8 * SIDE * SIDE * 4
    assert peak_growth(before, what) < window / 2
