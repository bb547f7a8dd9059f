"""How fast raw files become a store, with one worker and with two, beside a plain copy loop.

Every candidate is a process of its own, so that its peak memory is its own and nothing is warm; the clock runs inside
it, from the first byte read to the last one flushed, without imports. The source is waves with noise on them, int16,
which pack to 52 %. The copy loop reads the same array piece by piece and writes it to one file.

Run:  OMP_NUM_THREADS=1 python benchmarks/prepare.py --json benchmarks/results/prepare.json
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
from record import ratio, record

CARD = """\
name: waves
files: [raw.npy]
dims: [time, y, x]
channels: {height: {unit: m}}
time: {start: 2024-01-01}
step: [10, m]
window: {past: 4, future: 3}
split: {fractions: [0.6, 0.2, 0.2]}
"""
CONVERT = """\
from unistd.cli.conversion import working
from unistd.core.data.prepare import prepare
from unistd.core.importing.task import ImportedTask
from unistd.registry.import_card import load_card

def run(folder, out, workers):
    with working(workers, None):
        prepare(ImportedTask(load_card(folder / "card.yaml"), folder), out / "store.zarr")
"""
COPY = """\
import os
import numpy as np

def run(folder, out, _):
    raw = np.load(folder / "raw.npy", mmap_mode="r")
    with (out / "copy").open("wb") as file:
        for start in range(0, len(raw), 256):
            file.write(np.array(raw[start : start + 256]).data)
        file.flush()
        os.fsync(file.fileno())
"""
# ru_maxrss would begin at what the parent takes.
TIMED = """
import re, sys, time
from pathlib import Path
start = time.perf_counter()
run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
seconds = time.perf_counter() - start
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
print(f'{{"seconds": {seconds}, "peak_memory_mib": {peak // 1024}}}')
"""
CANDIDATES = {"copy": (COPY, 0), "1 worker": (CONVERT, 1), "2 workers": (CONVERT, 2)}
SIDE = 256  # pixels
TARGET = 1.6  # of the time with one worker ÷ that with two


def make_source(folder: Path, frames: int) -> int:
    """Write ``raw.npy`` (time, y, x) with its card, and return its bytes."""
    raw = np.lib.format.open_memmap(folder / "raw.npy", mode="w+", dtype=np.int16, shape=(frames, SIDE, SIDE))
    noise = (4 * np.random.default_rng(0).normal(size=(64, SIDE, SIDE))).astype(np.int16)
    y, x = np.arange(SIDE)[:, None], np.arange(SIDE)
    for start in range(0, frames, len(noise)):
        t = np.arange(start, min(start + len(noise), frames))[:, None, None]
        raw[start : start + len(t)] = (1000 * np.sin((y + x + t) / 20)).astype(np.int16) + noise[: len(t)]
    raw.flush()
    (folder / "card.yaml").write_text(CARD)
    return raw.nbytes


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Run a candidate in a new process, and return its seconds and peak memory."""
    source, workers = CANDIDATES[name]
    out = folder / "out"
    out.mkdir()
    command = [sys.executable, "-P", "-c", source + TIMED, str(folder), str(out), str(workers)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    shutil.rmtree(out)
    measured: dict[str, Any] = json.loads(said)
    return measured


def side_by_side(folder: Path, repeats: int) -> dict[str, list[dict[str, Any]]]:
    """Measure each candidate in each of ``repeats`` rounds, one after another; the order turns by one in each."""
    names, found = list(CANDIDATES), {name: [] for name in CANDIDATES}
    measure("copy", folder)  # brings the source into the page cache
    for turn in range(repeats):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            found[name].append(measure(name, folder))
    return found


def row_of(name: str, found: Mapping[str, list[dict[str, Any]]], size: int) -> dict[str, Any]:
    """Return what is recorded of one candidate."""
    seconds = {each: [own["seconds"] for own in rounds] for each, rounds in found.items()}
    return {
        "value": name,
        "MB/s": round(size / 1e6 / statistics.median(seconds[name]), 1),
        "÷ copy": round(ratio(seconds, "copy", name), 3),  # of speeds, so of times the other way round
        "peak_memory_mib": max(own["peak_memory_mib"] for own in found[name]),
        "seconds": [round(second, 3) for second in seconds[name]],
    }


@click.command()
@click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--frames", type=click.IntRange(min=64), default=8192, show_default=True, help="Of 128 KiB each.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Where the record is written.")
def main(repeats: int, frames: int, path: Path | None) -> None:
    """Measure conversion, and print MB/s of raw frames."""
    with TemporaryDirectory() as folder:
        size = make_source(Path(folder), frames)
        found = side_by_side(Path(folder), repeats)
    rows = [row_of(name, found, size) for name in CANDIDATES]
    for row in rows:
        speed = f"{row['MB/s']:8.1f} MB/s   {row['÷ copy']:.3f} of a copy"
        click.echo(f"{row['value']:12}{speed}   peak {row['peak_memory_mib']} MiB")
    seconds = {name: [own["seconds"] for own in rounds] for name, rounds in found.items()}
    gain = round(ratio(seconds, "1 worker", "2 workers"), 3)
    verdict = {"ratio": "2 ÷ 1 workers", "is": gain, "target": TARGET, "met": gain >= TARGET}
    click.echo(f"{verdict['ratio']}: {gain:.3f}, target {TARGET:.2f}: {'met' if verdict['met'] else 'missed'}")
    record(rows, path, targets=[verdict], bytes=size)


if __name__ == "__main__":
    main()
