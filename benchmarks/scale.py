"""How a step grows with the number of tasks, and how steps, memory, start-up and disk grow with the rest.

A step is what ``unistd train`` does for one batch: forward, backward, clipping, AdamW, settling of the ranks. Every
table varies one thing and times its values side by side; ``docs/scale.md`` says what follows from them.

Run:  OMP_NUM_THREADS=1 python benchmarks/scale.py --json benchmarks/results/scale.json
"""

from __future__ import annotations

import itertools
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import dask
import numpy as np
import torch
from numpy.typing import NDArray
from record import ratio, record, side_by_side
from training_step import Case, Generated, TrainingStep, kept_for_backward, store_of

from unistd.core.data.prepare import prepare
from unistd.core.data.schedule import JointSchedule
from unistd.core.data.store import Store, stored_bytes
from unistd.core.data.windows import Windows
from unistd.core.training.settings import Uniform
from unistd.core.training.state import gather
from unistd.core.training.trunk_file import save_trunk
from unistd.registry.compose import compose_model
from unistd.registry.registry import Registry
from unistd.registry.spec import load_resolved

Rows = list[dict[str, Any]]

BASE = Case()
TASKS, FEWER = (1, 3, 10, 30), (1, 10, 30)
TARGET = 1.05  # of a step with 30 tasks registered ÷ one with 1
IMPORTS = "import unistd.cli.train"
FRAMES = 2048  # of the converted arrays, 128 × 128 pixels each


def steps(table: str, cases: Mapping[str, Case], folder: Path, repeats: int) -> Rows:
    """Time a step of each of ``cases`` side by side; the first is what the others are set against."""
    made = {value: TrainingStep(case, folder) for value, case in cases.items()}
    seconds = side_by_side(made, repeats)
    first = next(iter(made))
    return [
        {"table": table, "value": value, "÷ first": round(ratio(seconds, value, first), 3), **own.bytes()}
        | {"windows": cases[value].batch, "seconds": [round(second, 4) for second in seconds[value]]}
        for value, own in made.items()
    ]


def tasks(folder: Path, repeats: int) -> Rows:
    """Vary the tasks registered in one model, in three times the rounds, since the target is a matter of percents."""
    return steps("tasks", {str(n): replace(BASE, tasks=n) for n in TASKS}, folder, 3 * repeats)


def experts(folder: Path, repeats: int) -> Rows:
    """Vary the experts beside each of q, k, v and proj."""
    counts = {str(n): tuple((role, n) for role, _ in BASE.experts) for n in (1, 2, 6, 12)}
    return steps("experts", {n: replace(BASE, experts=own) for n, own in counts.items()}, folder, repeats)


def tokens(folder: Path, repeats: int) -> Rows:
    """Vary the token grid h × w; the frames grow with it."""
    sides = [BASE.side * factor for factor in (1, 2, 4)]
    return steps("tokens", {f"{n}×{n}": replace(BASE, side=n, batch=2) for n in sides}, folder, repeats)


def frames(folder: Path, repeats: int) -> Rows:
    """Vary the input frames T."""
    return steps("frames", {str(n): replace(BASE, past=n) for n in (4, 8, 16)}, folder, repeats)


def trunk(folder: Path, repeats: int) -> Rows:
    """Vary the trunk's width D, at the same depth."""
    variants = {"ViT-Tiny": "vit_tiny_patch16_224", "ViT-S": "vit_small_patch16_224"}
    return steps("trunk", {name: replace(BASE, variant=own) for name, own in variants.items()}, folder, repeats)


def vit_b(folder: Path, repeats: int) -> Rows:  # noqa: ARG001 - nothing is timed
    """Count the bytes of ViT-B with the paper's experts and many heads of default width; one window, no optimiser."""
    rows: Rows = []
    for count in (1, 100):
        case = replace(BASE, variant="vit_base_patch16_224", depth=None, width=32, tasks=count)
        forecaster = case.forecaster()
        learned = [p.nbytes for p in forecaster.parameters() if p.requires_grad]
        row = {"table": "vit-b", "tasks": count, "learned": sum(learned)}
        row["frozen"] = sum(p.nbytes for p in forecaster.parameters()) - row["learned"]
        rows.append({**row, "value": f"{count} tasks"})
    for side in [BASE.side * factor for factor in (1, 2, 4)]:
        pixels = replace(case, side=side).pixels
        past, future = torch.randn(1, case.past, 1, pixels, pixels), torch.randn(1, 4, 1, pixels, pixels)
        kept, _ = kept_for_backward(forecaster, case.names[0], past, future)
        rows.append({"table": "vit-b", "value": f"{side}×{side}", "windows": 1, "activations": kept})
    return rows


def startup(folder: Path, repeats: int) -> Rows:
    """Time what happens before the first step: imports in a new process, then the parts of a run of many tasks."""
    store = store_of(BASE, folder)
    new = partial(subprocess.run, check=True)
    pieces: dict[tuple[str, int], Callable[[], object]] = {
        ("python", 0): partial(new, [sys.executable, "-c", "pass"]),
        ("imports", 0): partial(new, [sys.executable, "-c", IMPORTS]),
    }
    registry = Registry.discover()
    for count in FEWER:
        names = replace(BASE, tasks=count).names
        whole = {
            "name": "many",
            "model": {
                "backbone": {"kind": "timm-vit", "variant": BASE.variant, "depth": BASE.depth, "pretrained": False}
            },
            "tasks": {name: {"kind": "synthetic-weather", "head": {"width": BASE.width}} for name in names},
            "output": str(folder),
        }
        read = partial(load_resolved, whole, registry, folder)
        pieces[("spec", count)] = read
        pieces[("stores", count)] = partial(_open, store.path, count)
        pieces[("model", count)] = partial(compose_model, read(), registry)
        pieces[("schedule of 10,000 steps", count)] = partial(_schedule, names)
    seconds = side_by_side({f"{name} {n}": run for (name, n), run in pieces.items()}, max(3, repeats // 3))
    return [
        {"table": "startup", "value": name, "tasks": n, "seconds": [round(s, 4) for s in seconds[f"{name} {n}"]]}
        for name, n in pieces
    ]


def _open(path: Path, count: int) -> None:
    for _ in range(count):
        Windows(Store.open(path), "train", BASE.past, 4)


def _schedule(names: list[str]) -> JointSchedule:
    each = partial(dict.fromkeys, names)
    return JointSchedule(each(1000), weights=each(1.0), sampling=Uniform(), steps=10_000, seed=0, batches=each(16))


def checkpoint(folder: Path, repeats: int) -> Rows:
    """Write what is learned and AdamW's moments of it durably; the frozen trunk is in a file of its own."""
    made = {n: TrainingStep(replace(BASE, tasks=n), folder) for n in FEWER}
    seconds = side_by_side({str(n): partial(_save, step) for n, step in made.items()}, repeats)
    file = folder / "trunk.safetensors"
    save_trunk(file, made[FEWER[0]].forecaster.model.trunk_parameters())
    rows: Rows = [{"table": "checkpoint", "value": "frozen trunk, once", "bytes": file.stat().st_size}]
    for n, step in made.items():
        size = sum(own.stat().st_size for own in _save(step).iterdir())
        rows.append({"table": "checkpoint", "value": str(n), "bytes": size, "seconds": _rounded(seconds[str(n)])})
    return rows


def _save(step: TrainingStep) -> Path:
    state = {"best": {}, "ranks_fixed": False}
    whole = gather(1, step.forecaster, step.optimizer.optimizer, state)
    return step.training.run.checkpoints.save(whole, keep=1)


def data(folder: Path, repeats: int) -> Rows:
    """Convert an array in memory, count the bytes of a frame, and read random windows back from the files."""
    rng = np.random.default_rng(0)
    rough = rng.normal(size=(FRAMES, 1, 128, 128)).astype(np.float32)
    y, x, t = np.arange(128)[:, None], np.arange(128), np.arange(FRAMES)[:, None, None, None]
    smooth = (1000 * np.sin((y + x + t) / 20) + 4 * rough).astype(np.int16)
    rows = []
    for value, own in {"waves int16": smooth, "noise float32": rough}.items():
        paths = (folder / f"data-{own.dtype}-{turn}.zarr" for turn in itertools.count())
        with dask.config.set(scheduler="synchronous"):
            write = side_by_side({"write": partial(_convert, own, paths)}, max(3, repeats // 3))["write"]
        store = prepare(Generated(own, BASE.past), folder / f"data-{own.dtype}-0.zarr")
        windows = Windows(store, "train", BASE.past, 4)
        drawn = np.random.default_rng(0).integers(len(windows), size=64)
        read = side_by_side(
            {"read": lambda w=windows, d=drawn: [w.read(d[i : i + 16]) for i in range(0, 64, 16)]}, repeats
        )
        row = {
            "table": "data",
            "value": value,
            "frame": own[0].nbytes,
            "stored": round(stored_bytes(store.path) / FRAMES),
        }
        row["files"] = sum(file.is_file() for file in store.path.rglob("*"))
        row["write MB/s"] = round(own.nbytes / 1e6 / statistics.median(write), 1)
        row["read MB/s"] = round(64 * (BASE.past + 4) * own[0].nbytes / 1e6 / statistics.median(read["read"]), 1)
        rows.append(row)
    return rows


def _convert(array: NDArray[Any], paths: Any) -> None:
    prepare(Generated(array, BASE.past), next(paths))


def _rounded(seconds: list[float]) -> list[float]:
    return [round(second, 4) for second in seconds]


TABLES: dict[str, Callable[[Path, int], Rows]] = {
    "tasks": tasks,
    "experts": experts,
    "tokens": tokens,
    "frames": frames,
    "trunk": trunk,
    "vit-b": vit_b,
    "startup": startup,
    "checkpoint": checkpoint,
    "data": data,
}


def shown(row: Mapping[str, Any]) -> str:
    """Return a row as a line: bytes in MiB, seconds as their median."""
    mebi = {"frozen", "learned", "moments", "gradients", "activations", "bytes"}
    parts = []
    for key, value in row.items():
        if key == "seconds":
            parts.append(f"{statistics.median(value):.3f} s")
        elif key in mebi:
            parts.append(f"{key} {value / 2**20:.2f} MiB")
        elif key not in ("table", "value"):
            parts.append(f"{key} {value}")
    return f"{row['table']:11}{row['value']:25}{'  '.join(parts)}"


@click.command()
@click.option("--only", type=click.Choice(list(TABLES)), help="One table; all by default.")
@click.option("--repeats", type=click.IntRange(min=3), default=9, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=Path), help="Where the record is written.")
def main(only: str | None, repeats: int, path: Path | None) -> None:
    """Measure how a run grows, and print it table by table."""
    torch.manual_seed(0)
    rows: Rows = []
    with TemporaryDirectory() as folder:
        for name in [only] if only else TABLES:
            own = TABLES[name](Path(folder), repeats)
            rows += own
            click.echo("\n".join(map(shown, own)))
    verdicts = [
        {"ratio": f"{TASKS[-1]} ÷ 1 tasks", "is": row["÷ first"], "target": TARGET, "met": row["÷ first"] <= TARGET}
        for row in rows
        if row["table"] == "tasks" and row["value"] == str(TASKS[-1])
    ]
    for verdict in verdicts:
        said = "met" if verdict["met"] else "missed"
        click.echo(f"{verdict['ratio']}: {verdict['is']:.3f}, target {verdict['target']:.2f}: {said}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    record(rows, path, targets=verdicts, peak_memory_mib=peak)


if __name__ == "__main__":
    main()
