"""A conversion takes as much memory as a few shards, however large the raw files are."""

import re
import subprocess
import sys
import tracemalloc

import dask
import numpy as np
import pytest

from unistd.core.data.prepare import prepare
from unistd.core.importing.task import ImportedTask
from unistd.registry.import_card import load_card

CARD = """\
name: large
files: [raw.npy]
dims: [time, y, x]
channels: {height: {unit: m}}
time: {start: 2024-01-01}
step: [10, m]
window: {past: 4, future: 3}
split: {fractions: [0.6, 0.2, 0.2]}
"""
# ru_maxrss would begin at what the parent takes.
IMPORT = """\
import sys
from unistd.cli.main import main
code = main(["data", "import", *sys.argv[1:]])
print(open("/proc/self/status").read())
sys.exit(code)
"""
GIB, MIB = 2**30, 2**20


def sparse(path, size):
    """A file of ``size`` bytes of which the disk holds one frame."""
    frames = np.lib.format.open_memmap(path, mode="w+", dtype=np.int16, shape=(size // 2**15, 128, 128))
    frames[0] = 1
    return frames


def noise(path, size):
    """A file of ``size`` bytes that cannot be compressed."""
    frames = np.lib.format.open_memmap(path, mode="w+", dtype=np.int16, shape=(size // 2**15, 128, 128))
    random = np.random.default_rng(0)
    for start in range(0, len(frames), 1024):
        frames[start : start + 1024] = random.integers(-(2**15), 2**15, frames[start : start + 1024].shape, np.int16)
    return frames


@pytest.mark.slow
@pytest.mark.parametrize(("make", "size"), [(sparse, 10 * GIB), (noise, GIB)])
def test_an_import_of_any_size_stays_under_a_gibibyte(tmp_path, make, size):
    make(tmp_path / "raw.npy", size).flush()
    (tmp_path / "card.yaml").write_text(CARD)
    command = [str(tmp_path / "card.yaml"), "--out", str(tmp_path / "s.zarr"), "--workers", "8"]
    run = subprocess.run([sys.executable, "-P", "-c", IMPORT, *command], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert f"{size // 2**15} frames of 128×128" in run.stdout
    assert int(re.search(r"VmHWM:\s+(\d+) kB", run.stdout)[1]) * 1024 < GIB


def test_memory_is_bounded_by_the_shards_in_work(tmp_path, monkeypatch):
    monkeypatch.setattr("unistd.core.data.shards._CHUNK", MIB // 16)
    monkeypatch.setattr("unistd.core.data.shards._SHARD", MIB)
    monkeypatch.setattr("unistd.core.data.shards._ROOM", 3 * MIB)
    monkeypatch.setattr("unistd.core.importing.field.PIECE", MIB // 2)
    noise(tmp_path / "raw.npy", 20 * MIB).flush()
    (tmp_path / "card.yaml").write_text(CARD)
    task = ImportedTask(load_card(tmp_path / "card.yaml"), tmp_path)
    tracemalloc.start()
    with dask.config.set(scheduler="threads", num_workers=8):
        prepare(task, tmp_path / "s.zarr")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15 * MIB
