"""Does data keep up? Windows a second from a store, from disk and from memory, ÷ slicing a numpy array in memory.

Cold is a store whose pages the kernel has dropped before each reading, so that every batch comes from the disk. The
second table trains a shortened spec, once with frames in memory and once from disk, and says which share of the time of
its steps the training thread waited for a batch.

Run:  OMP_NUM_THREADS=1 python benchmarks/loader.py --json benchmarks/results/loader.json
"""

from __future__ import annotations

import json
import os
import resource
import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click
import numpy as np
import torch
from numpy.typing import NDArray
from record import ratio, record, side_by_side
from rich.console import Console
from training_step import Generated

import unistd
from unistd.core.data.batches import Batch, BatchReader
from unistd.core.data.prepare import prepare
from unistd.core.data.schedule import JointSchedule
from unistd.core.data.store import Store, stored_bytes
from unistd.core.data.windows import Windows
from unistd.core.task import TaskCard
from unistd.core.training.settings import Uniform
from unistd.registry.fitting import fit_run, open_training

Rows = list[dict[str, Any]]

PAST, FUTURE, BATCH = 8, 4, 16
BATCHES = 16  # read in each round
BYTES = 2**26  # of the frames of a case as float32: more than caches hold
CACHED, WAITING = 0.8, 0.02  # at least of numpy's windows a second; at most of the time of a step
QUICKSTART = Path(__file__).parents[1] / "examples" / "quickstart.yaml"
STEPS = 96  # of the shortened spec, without a checkpoint in between


class Case(NamedTuple):
    """Frames of one kind, and what their card says of them."""

    dtype: str
    side: int
    card: dict[str, Any]


CASES = {
    "float32, 64 × 64": Case("f4", 64, {}),
    "float32, 16 × 16": Case("f4", 16, {}),
    "uint8 in a range, 64 × 64": Case("u1", 64, {"value_range": (0, 255), "normalization": "range"}),
    "int16 packed, some missing, 64 × 64": Case(
        "i2", 64, {"scale_factor": 0.01, "add_offset": 280.0, "fill_value": -1.0, "missing": "mask"}
    ),
}


class Frames(Generated):
    """Generated frames under a card with changes."""

    def __init__(self, frames: NDArray[np.generic], changes: dict[str, Any]) -> None:
        super().__init__(frames, PAST)
        self._changes = changes

    @property
    def card(self) -> TaskCard:
        """The card of ``Generated``, changed."""
        return replace(super().card, **self._changes)


def forget(store: Store) -> None:
    """Let the kernel drop what it keeps of the files of ``store``."""
    for file in store.path.rglob("*"):
        if file.is_file():
            handle = os.open(file, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def read_all(reader: BatchReader) -> None:
    for step in range(BATCHES):
        reader.read(step)


def read_cold(reader: BatchReader) -> None:
    for step in range(BATCHES):
        forget(reader.windows["frames"].store)
        reader.read(step)


def slice_all(frames: NDArray[np.float32], starts: list[NDArray[np.int64]]) -> None:
    """Take the same windows from an array in memory, past and future apart."""
    for own in starts:
        past = np.stack([frames[start : start + PAST] for start in own])
        future = np.stack([frames[start + PAST : start + PAST + FUTURE] for start in own])
        valid = int(np.isfinite(future).sum())
        Batch("frames", torch.from_numpy(past), torch.from_numpy(future), torch.from_numpy(own), valid)


def reader_of(path: Path, cache: Any) -> BatchReader:
    windows = {"frames": Windows(Store.open(path), "train", PAST, FUTURE)}
    schedule = JointSchedule(
        {"frames": len(windows["frames"])},
        weights={"frames": 1.0},
        sampling=Uniform(),
        steps=BATCHES,
        seed=0,
        batches={"frames": BATCH},
    )
    return BatchReader(windows, schedule, cache=cache)


def candidates(case: Case, folder: Path) -> tuple[Store, dict[str, Callable[[], None]]]:
    """Return the store of ``case`` and the ways to read it."""
    count = BYTES // (4 * case.side**2)
    noise = np.random.default_rng(0).normal(100, 30, (count, 1, case.side, case.side)).clip(0, 255).astype(case.dtype)
    if "fill_value" in case.card:
        noise[:, :, :8] = case.card["fill_value"]
    store = prepare(Frames(noise, case.card), folder / f"{case.dtype}-{case.side}.zarr")
    cached, cold = (reader_of(store.path, cache) for cache in ("auto", "never"))
    held = cached.windows["frames"].store
    if not held.held or held.packed:
        raise click.ClickException("there is not enough memory to hold the frames as floats")
    starts = [cached.read(step).starts.numpy() for step in range(BATCHES)]
    frames = store.read(0, len(store))
    return store, {
        "numpy": partial(slice_all, frames, starts),
        "cached": partial(read_all, cached),
        "from disk": partial(read_all, cold),
        "cold": partial(read_cold, cold),
    }


def reading(repeats: int) -> Rows:
    """Time the ways to read each case side by side."""
    rows: Rows = []
    for name, case in CASES.items():
        with TemporaryDirectory() as folder:
            store, ways = candidates(case, Path(folder))
            seconds = side_by_side(ways, repeats)
            stored = stored_bytes(store.path)
        rows += [
            {
                "table": "reading",
                "value": name,
                "way": way,
                "windows/s": round(BATCHES * BATCH / statistics.median(own)),
                "÷ numpy": round(1 / ratio(seconds, way, "numpy"), 3),
                "stored": stored,
                "held": store.nbytes if way == "cached" else 0,
                "seconds": [round(second, 4) for second in own],
            }
            for way, own in seconds.items()
        ]
    return rows


def waiting(spec: Path, steps: int, repeats: int) -> Rows:
    """Train ``spec``, shortened to ``steps``, and sum up what the log says of its steps."""
    rows: Rows = []
    for cache in ("auto", "never"):
        shares, paces = [], []
        for _ in range(repeats):
            with TemporaryDirectory() as folder:
                changes = {"steps": steps, "cache": cache, "checkpoint.every": steps, "log_every": 8}
                words = [f"training.{key}={value}" for key, value in changes.items()]
                run = unistd.compose(unistd.load_spec(spec, [*words, f"output={folder}/run"]))
                fit_run(run, *open_training(run), Console(quiet=True), "loader.py", resume=False)
                waited, whole = waited_and_whole(Path(folder) / "run" / "log.jsonl")
            shares.append(waited / whole)
            paces.append(whole / steps)
        row = {"table": "waiting", "value": spec.stem, "cache": cache, "waiting": round(statistics.median(shares), 5)}
        row["seconds a step"] = round(statistics.median(paces), 4)
        rows.append({**row, "steps": steps, "shares": [round(share, 5) for share in shares]})
    return rows


def waited_and_whole(log: Path) -> tuple[float, float]:
    """Return the seconds waited for data and those of all steps, of which a row of the log has the mean."""
    rows = [row for row in map(json.loads, log.read_text().splitlines()) if row["event"] == "train"]
    before = [0, *(row["step"] for row in rows)]
    whole = sum(row["seconds_per_step"] * (row["step"] - past) for row, past in zip(rows, before, strict=False))
    return rows[-1]["waited"], whole


def judged(rows: Rows) -> list[dict[str, Any]]:
    """Set the numbers that have a target beside it."""
    verdicts = [
        {"ratio": f"cached ÷ numpy, {row['value']}", "is": row["÷ numpy"], "target": f"≥ {CACHED}"}
        | {"met": row["÷ numpy"] >= CACHED}
        for row in rows
        if row.get("way") == "cached"
    ]
    return verdicts + [
        {"ratio": f"waiting ÷ step, {row['value']}, cache {row['cache']}", "is": row["waiting"]}
        | {"target": f"≤ {WAITING}", "met": row["waiting"] <= WAITING}
        for row in rows
        if row["table"] == "waiting"
    ]


def shown(row: dict[str, Any]) -> str:
    """Return a row as a line."""
    if row["table"] == "waiting":
        said = f"{row['waiting']:.3%} of {row['seconds a step']:.3f} s a step"
        return f"{row['value']:38}{'cache ' + row['cache']:14}{said}"
    return f"{row['value']:38}{row['way']:14}{row['windows/s']:>8} windows/s{row['÷ numpy']:9.3f} × numpy"


@click.command()
@click.option("--only", type=click.Choice(["reading", "waiting"]), help="One table; both by default.")
@click.option("--spec", type=click.Path(exists=True, path_type=Path), default=QUICKSTART, help="What is trained.")
@click.option("--steps", type=click.IntRange(min=8), default=STEPS, show_default=True, help="Of the training.")
@click.option("--repeats", type=click.IntRange(min=5), default=9, show_default=True, help="Rounds of reading.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Where the record is written.")
def main(only: str | None, spec: Path, steps: int, repeats: int, path: Path | None) -> None:
    """Measure how fast windows are read and how long training waits for them."""
    tables: dict[str, Callable[[], Rows]] = {
        "reading": partial(reading, repeats),
        "waiting": partial(waiting, spec, steps, 1),
    }
    rows: Rows = []
    for name in [only] if only else tables:
        own = tables[name]()
        rows += own
        click.echo("\n".join(map(shown, own)))
    verdicts = judged(rows)
    for verdict in verdicts:
        said = "met" if verdict["met"] else "missed"
        click.echo(f"{verdict['ratio']}: {verdict['is']:.4g}, target {verdict['target']}: {said}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    record(rows, path, targets=verdicts, peak_memory_mib=peak)


if __name__ == "__main__":
    main()
