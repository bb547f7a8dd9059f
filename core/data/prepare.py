"""Raw files to a store: checked, measured, and there as a whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dask.array as da
import numpy as np
import zarr
from numpy.typing import NDArray

from unistd.core.data.card_json import card_to_json
from unistd.core.data.journal import JOURNAL, ShardReport, has_shards
from unistd.core.data.ledger import Ledger, check_card
from unistd.core.data.moments import Moments
from unistd.core.data.progress import Report
from unistd.core.data.shards import FrameWriter
from unistd.core.data.store import FORMAT, Store, hash_of_facts, stored_bytes
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, FrameSequence, Task, TaskCard
from unistd.core.training.durable import sync_path

_IN_MEMORY = 2**27  # bytes of frames that are no lazy arrays and are held before they are written


def prepare(
    task: Task, path: Path, *, options: Mapping[str, object] = MappingProxyType({}), report: Report | None = None
) -> Store:
    """Write the frames of ``task`` to a store at ``path``, or open the store of the same task that is already there.

    Frames are read lazily and written in parallel by dask, on its current scheduler. The store is written aside,
    flushed and renamed; of several processes that ask for the same store one writes it and the others wait. What one
    that was stopped has written is taken over, where card, options and raw files are the same.

    ``options`` are the task's own; they are kept, so that a store made with others is not mistaken for this one.

    Raises:
        DataError: The raw data break the task's card, the disk is full, or ``path`` holds something else.
    """
    card = task.card
    check_card(card)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock(path.with_name(f".{path.name}.lock")):
            if not path.exists():
                _write_aside(task, card, path, options, report)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        message = "the disk is full; no store was written" if full else f"no store could be written: {error}"
        raise DataError(message, where=str(path), help="name another folder as the store") from error
    return Store.open(path, card, options)


@contextmanager
def _lock(file: Path) -> Iterator[None]:
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # let go by the system when its process dies
        yield


def _write_aside(task: Task, card: TaskCard, path: Path, options: Mapping[str, object], report: Report | None) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        _write(task.sequences(), card, partial, options, report)
        _flush(partial)
    except BaseException:
        if not has_shards(partial):
            shutil.rmtree(partial, ignore_errors=True)
        raise
    (partial / JOURNAL).unlink()
    partial.rename(path)
    sync_path(path.parent)


def _write(
    sequences: Iterable[FrameSequence],
    card: TaskCard,
    path: Path,
    options: Mapping[str, object],
    report: Report | None,
) -> None:
    ledger = Ledger(card)
    admitted = _admitted(sequences, ledger)
    first = next(admitted)
    writer = FrameWriter(path, first.frames, ledger, options, report)
    for sequence in chain([first], admitted):
        writer.add(sequence.frames)
    checksums = writer.finish()
    group = writer.group
    valid = np.concatenate([shard.valid for shard in writer.written])
    _write_times(group, ledger, valid)
    for axis, coordinate in (("y", first.y), ("x", first.x)):
        if coordinate is not None:
            _write_array(group, axis, coordinate[0], axis, coordinate[1])
    facts = {
        "format": FORMAT,
        "card": card_to_json(card),
        "options": dict(options),
        "normalization": _normalization(card, writer.written),
        "source_files": checksums,
        "digest": _digest(card, ledger, writer.written),
        "bytes": stored_bytes(path),
    }
    attributes = {"Conventions": "CF-1.11", "title": card.name, "source": card.source, "license": card.licence}
    group.update_attributes({**attributes, "unistd": facts})


def _admitted(sequences: Iterable[FrameSequence], ledger: Ledger) -> Iterator[FrameSequence]:
    """Let the ledger see as many sequences as possible before the first frame is read."""
    batch, held = [], 0
    for sequence in sequences:
        ledger.admit(sequence)
        batch.append(sequence)
        held += 0 if isinstance(sequence.frames, da.Array) else sequence.frames.nbytes
        if held >= _IN_MEMORY:
            yield from batch
            batch, held = [], 0
    ledger.check_splits()
    yield from batch


def _write_times(group: zarr.Group, ledger: Ledger, valid: NDArray[np.int64]) -> None:
    since = {"units": "milliseconds since 1970-01-01", "calendar": "proleptic_gregorian", "standard_name": "time"}
    flags = {"flag_values": list(range(len(SPLITS))), "flag_meanings": " ".join(SPLITS)}
    _write_array(group, "time", ledger.times, "time", since)
    _write_array(group, "sequence", ledger.sequence, "time", {"long_name": "number of the unbroken run of frames"})
    _write_array(group, "split", ledger.split, "time", flags)
    _write_array(group, "valid", valid, "time", {"long_name": "number of values that are not missing"})


def _write_array(group: zarr.Group, name: str, values: Any, dimension: str, attributes: dict[str, Any]) -> None:
    group.create_array(
        name,
        data=np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("=")),
        chunks=values.shape,
        dimension_names=(dimension,),
        attributes=attributes,
        config={"write_empty_chunks": True},
    )


def _normalization(card: TaskCard, written: list[ShardReport]) -> dict[str, list[float]]:
    train = reduce(Moments.__add__, (shard.train for shard in written if shard.train is not None))
    for channel, count, low, high in zip(card.channels, train.count, train.low, train.high, strict=True):
        if not count or (low == high and card.normalization == "standard"):
            what = f"is '{low}' everywhere" if count else "is missing everywhere"
            message = f"channel '{channel.name}' of task '{card.name}' {what} in the training split"
            raise DataError(message, help="leave it out, or divide the frames into splits another way")
    if card.normalization == "range" and card.value_range is not None:
        low, high = card.value_range
        return {"offset": [low] * len(card.channels), "scale": [high - low] * len(card.channels)}
    return {"offset": train.mean.tolist(), "scale": np.sqrt(train.squares / train.count).tolist()}


def _digest(card: TaskCard, ledger: Ledger, written: list[ShardReport]) -> str:
    whole = hash_of_facts(card_to_json(card), ledger.times, ledger.sequence, ledger.split)
    for shard in written:
        whole.update(shard.digest)
    return str(whole.hexdigest())


def _flush(folder: Path) -> None:
    for file in [*folder.rglob("*"), folder]:
        sync_path(file)
