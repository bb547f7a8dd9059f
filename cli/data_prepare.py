"""``unistd data prepare``: a task's raw files to its store."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from unistd.cli.conversion import showing_conversion, who_works, working
from unistd.cli.options import overrides
from unistd.cli.table import table
from unistd.core.data.ledger import Ledger
from unistd.core.data.prepare import prepare
from unistd.core.errors import UsageError
from unistd.core.task import SPLITS
from unistd.registry.compose import ComposedTask, own_options, store_place
from unistd.registry.one_task import load_task
from unistd.registry.registry import Registry

MB = 1e6
ENDS = 8  # sequences a dry run shows of the first and of the last, where there are more


@click.command("prepare", epilog="Example: unistd data prepare taxibj --source raw/TaxiBJ --out stores/taxibj.zarr")
@click.argument("name", metavar="TASK")
@click.option("--source", metavar="RAW", type=click.Path(path_type=Path), help="Folder of the raw files.")
@click.option("--out", metavar="STORE", type=click.Path(path_type=Path), help="By default where 'train' looks for it.")
@overrides
@who_works
@click.option("--dry-run", is_flag=True, help="Show what each file gives; read no frame, write nothing.")
def prepare_task(
    name: str,
    source: Path | None,
    out: Path | None,
    overrides: tuple[str, ...],
    workers: int | None,
    scheduler: str | None,
    *,
    dry_run: bool,
) -> None:
    """Convert the raw files of TASK into a store; -o sets the task's options, as in a spec."""
    own = _task(name, source, overrides)
    if dry_run:
        _show(own)
        return
    place = (out or store_place(own)).absolute()  # workers of a cluster may stand in another folder
    begun, there = time.monotonic(), place.exists()
    with working(workers, scheduler), showing_conversion(Console(stderr=True)) as report:
        store = prepare(own.task, place, options=own_options(own), report=partial(report, name))
    if there:
        click.echo(f"{place} is there already, of the same task and options; nothing to do")
        return
    size, seconds = store.nbytes / MB, time.monotonic() - begun
    click.echo(f"wrote {place}: {len(store)} frames, {size:.1f} MB in {seconds:.0f} s, {size / seconds:.1f} MB/s")


def _task(name: str, source: Path | None, overrides: tuple[str, ...]) -> ComposedTask:
    registry = Registry.discover()
    if source is not None:
        if "root" not in registry.find("task", name).config.model_fields:
            raise UsageError(f"task '{name}' reads no raw files, so '--source' has no use", help="leave it out")
        if not source.expanduser().is_dir():
            raise UsageError(f"the source '{source}' is no folder", help="name the folder that holds the raw files")
        overrides = (*overrides, f"root={source.expanduser().absolute()}")
    return load_task(name, overrides, registry)


def _show(own: ComposedTask) -> None:
    """Print sequences with their files, and how many frames each split has; values are not looked at."""
    ledger, first, folder = Ledger(own.task.card), None, own.task.folder()
    rows: list[tuple[str, ...]] = []
    unit = "ms" if own.task.card.step[1] == "ms" else "s"
    for sequence in own.task.sequences():
        ledger.admit(sequence)
        first = sequence.frames if first is None else first
        begin, end = (np.datetime_as_string(sequence.times[at].astype(f"datetime64[{unit}]")) for at in (0, -1))
        splits = ", ".join(dict.fromkeys(np.atleast_1d(np.asarray(sequence.split)).tolist()))
        rows.append((sequence.name, str(len(sequence.times)), begin, end, splits, _files(sequence.files, folder)))
    ledger.check_splits()
    assert first is not None
    if len(rows) > 2 * ENDS:
        rows[ENDS:-ENDS] = [(f"… {len(rows) - 2 * ENDS} more", *["…"] * 5)]
    click.echo(table(("sequence", "frames", "from", "to", "splits", "files"), rows))
    counts = np.bincount(ledger.split, minlength=len(SPLITS))
    shares = ", ".join(f"{split} {count}" for split, count in zip(SPLITS, counts, strict=True))
    size = first.dtype.itemsize * int(np.prod(first.shape[1:])) * len(ledger) / MB
    click.echo(f"\n{len(ledger)} frames of (channel, y, x) = {first.shape[1:]}, {first.dtype}, {size:.1f} MB; {shares}")
    if folder is not None:
        click.echo(f"files lie in {folder.absolute()}")
    click.echo("values are checked when frames are read")


def _files(files: tuple[str, ...], folder: Path | None) -> str:
    paths = [Path(file) for file in files]
    names = [str(path.relative_to(folder) if folder and path.is_relative_to(folder) else path) for path in paths[:1]]
    return f"{names[0]} and {len(files) - 1} more" if len(files) > 1 else "".join(names)
