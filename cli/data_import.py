"""``unistd data import``: a user's files and their card to a store."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from unistd.cli.conversion import showing_conversion, who_works, working
from unistd.cli.table import table
from unistd.core.data.checksum import changed_since
from unistd.core.data.ledger import Ledger
from unistd.core.data.prepare import prepare
from unistd.core.data.store import Store
from unistd.core.errors import DataError, UsageError
from unistd.core.importing.task import ImportedTask
from unistd.core.task import SPLITS
from unistd.registry.import_card import load_card

LISTED = 20
AGAIN = "remove the folder and import again, or name another"


@click.command("import", epilog="Example: unistd data import examples/waves/card.yaml --out data/waves.zarr")
@click.argument("card", metavar="CARD.yaml", type=click.Path(path_type=Path))
@click.option("--out", metavar="STORE", type=click.Path(path_type=Path), help="Folder of the store.")
@click.option(
    "--from",
    "folder",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that the card's files are relative to; its own by default.",
)
@who_works
@click.option("--dry-run", is_flag=True, help="Show what every file gives; read no frame, write nothing.")
def import_files(
    card: Path, out: Path | None, folder: Path | None, workers: int | None, scheduler: str | None, *, dry_run: bool
) -> None:
    """Make a store of the files that CARD.yaml describes: npy, npz, HDF5, NetCDF, zarr, GeoTIFF, images or video.

    A spec trains it as {kind: grid, store: STORE}. docs/import.md has a card for each format.
    """
    if out is None and not dry_run:
        raise UsageError("'--out' is missing", help="name the folder of the store, or ask for '--dry-run'")
    # Absolute, because workers of a cluster may stand in another folder.
    task = ImportedTask(load_card(card), (folder or card.parent).absolute())
    if dry_run:
        _show(task)
        return
    assert out is not None
    console = Console(stderr=True)
    if out.exists():
        _check_same(out, task)
        console.print(f"{out} was made of the same card and files; nothing to do", highlight=False, soft_wrap=True)
        return
    with working(workers, scheduler), showing_conversion(console) as report:
        store = prepare(task, out.absolute(), report=partial(report, task.card.name))
    channels = ", ".join(f"{channel.name} [{channel.unit}]" for channel in store.card.channels)
    click.echo(f"wrote {out}: {len(store)} frames of {store.grid[0]}×{store.grid[1]}, {channels}")
    click.echo(f"train it as {{kind: grid, store: {out}}}")


def _check_same(out: Path, task: ImportedTask) -> None:
    store = Store.open(out)
    if store.card.version != task.card.version:
        message = "the store was made of another card or other files"
        raise DataError(message, where=str(out), help=AGAIN)
    for file in changed_since(store, {file for run in task.runs for file in run.files}):
        raise DataError(f"the store was made before '{file}' was changed", where=str(out), help=AGAIN)


def _show(task: ImportedTask) -> None:
    """Print every file, the frames and splits of every sequence, and what the store would hold."""
    ledger = Ledger(task.card)
    rows: list[tuple[str, ...]] = []
    runs = task.runs
    for sequence, run in zip(task.sequences(), runs, strict=True):
        ledger.admit(sequence)
        ends = np.cumsum([len(block.frames) for block in run.blocks])
        for block, times in zip(run.blocks, np.split(run.times, ends[:-1]), strict=True):
            first, last = (np.datetime_as_string(time, "auto") for time in (times[0], times[-1]))
            rows.append((run.name, block.name, str(len(times)), first, last))
        rows += [(run.name, block.name, str(len(block.frames)), "", "") for block in run.beside]
    click.echo(table(("sequence", "file", "frames", "from", "to"), rows[:LISTED]))
    if len(rows) > LISTED:
        click.echo(f"… and {len(rows) - LISTED} more files")
    ledger.check_splits()
    frames = runs[0].frames
    counts = np.bincount(ledger.split, minlength=len(SPLITS))
    shares = ", ".join(f"{name} {count}" for name, count in zip(SPLITS, counts, strict=True))
    unbroken = len(np.unique(ledger.sequence))
    size = frames.dtype.itemsize * int(np.prod(frames.shape[1:])) * len(ledger)
    click.echo(
        f"\n{len(ledger)} frames of (channel, y, x) = {frames.shape[1:]}, {frames.dtype}, {size / 2**20:.1f} MiB;"
        f" {unbroken} unbroken {'run' if unbroken == 1 else 'runs'}; {shares}"
    )
