"""Frames onto the disk, shard by shard, with all that is to be found out about them on the way."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import dask
import dask.array as da
import dask.threaded
import numpy as np
import zarr
from dask.base import compute, get_scheduler
from dask.delayed import Delayed, delayed
from dask.system import CPU_COUNT
from numpy.typing import NDArray

from unistd import __version__
from unistd.core.data.card_json import card_to_json
from unistd.core.data.checksum import checksum
from unistd.core.data.journal import Journal, ShardReport, note
from unistd.core.data.ledger import Ledger
from unistd.core.data.memory import available_memory
from unistd.core.data.moments import Moments
from unistd.core.data.packing import PACKED_AT_ONCE, codec_for, write_packed
from unistd.core.data.progress import Report, Teller
from unistd.core.data.store import FORMAT, decode
from unistd.core.errors import DataError
from unistd.core.task import TaskCard
from unistd.core.training.durable import sync_path

_CHUNK, _SMALL, _SHARD = 2**20, 2**18, 2**26  # bytes
_ROOM = 3 * _SHARD  # bytes of frames that are in work at once; with all copies they take less than three times that
_MEASURED = 2**29  # bytes of chunks that are measured at once
_VALUE = 14  # bytes a value takes while it is measured: as float32, as float64, whether it is missing
_TOGETHER = 32  # shards that dask is given together, where its workers are not more
_FAULT = "mend the raw file, or the task's card if the values are right"


class Fault(NamedTuple):
    """The first frame of a shard, by its index in the store, that breaks the card, and how."""

    frame: int
    what: str


class Place(NamedTuple):
    """Where a shard belongs: its frames in the store, its file, what they are known by, which are for training."""

    start: int
    stop: int
    file: str
    key: str
    train: NDArray[np.bool_]


class FrameWriter:
    """Appends frames to the array ``frames`` of a new store; holds no more than a few shards of them in memory.

    Attributes:
        written: What was found out about each shard so far.
    """

    def __init__(
        self, folder: Path, first: Any, ledger: Ledger, options: Mapping[str, object], report: Report | None
    ) -> None:
        card, grid, size = ledger.card, first.shape[1:], max(1, math.prod(first.shape[1:]) * first.dtype.itemsize)
        _check_room(math.prod(grid), size)
        self._chunk = max(1, min(_CHUNK // size, max(card.window.past + card.window.future, _SMALL // size)))
        self._shard = self._chunk * max(1, _SHARD // (self._chunk * size))
        dtype = first.dtype.newbyteorder("=")
        codec = codec_for(dtype)
        layout = {"format": FORMAT, "grid": grid, "type": dtype.str, "chunk": self._chunk, "shard": self._shard}
        layout |= {"codec": codec.to_dict()}
        identity = {"unistd": __version__, "card": card_to_json(card), "options": dict(options), **layout}
        self._journal = Journal(folder, identity)
        self.group = zarr.create_group(folder, zarr_format=3)
        self._array = self.group.create_array(
            "frames",
            shape=(0, *grid),
            chunks=(self._chunk, *grid),
            shards=(self._shard, *grid),
            dtype=dtype,
            compressors=codec,
            dimension_names=("time", "channel", "y", "x"),
            attributes=_cf_attributes(card, first.dtype),
            config={"write_empty_chunks": True},
        )
        self._ledger, self._teller = ledger, Teller(report, size, _began(self._journal))
        measured = _MEASURED // (_VALUE * self._chunk * max(1, math.prod(grid)))
        self._at_once = max(1, min(_ROOM // (self._shard * size), measured))
        self._workers = dask.config.get("num_workers", None) or CPU_COUNT
        self._pending: list[da.Array] = []
        self._start = self._waiting = 0
        self.written: list[ShardReport] = []

    def add(self, frames: Any) -> None:
        """Append ``frames`` (t, C, H, W), lazy or not, that the ledger knows; writes some shards once they are full.

        The last ones wait for ``finish``, though they be full.

        Raises:
            DataError: A frame breaks the card; names it.
        """
        shards, at = max(_TOGETHER, 2 * self._workers), 0
        if not isinstance(frames, da.Array):
            frames = da.from_array(frames, chunks=(self._shard, -1, -1, -1), name=False)  # type: ignore[no-untyped-call]
            shards = self._at_once  # what waits is in memory
        while at < len(frames):
            if self._waiting >= shards * self._shard and self._waiting % self._shard == 0:
                self._flush()
            piece = frames[at : at + max(shards * self._shard - self._waiting, -self._waiting % self._shard)]
            self._pending.append(piece)
            self._waiting += len(piece)
            at += len(piece)

    def finish(self) -> dict[str, str]:
        """Write what waits, remove what no frame of this store is in, and return the raw files' checksums.

        Both are done at once: a raw file of many shards would keep one core busy, and the others idle.
        """
        self._teller.tell(files=len(self._ledger.files))
        sums = self._flush([delayed(checksum)(Path(file)) for file in self._ledger.files])
        self._journal.drop_the_rest()
        return dict(zip(self._ledger.files, sums, strict=True))

    def _flush(self, others: Sequence[Delayed] = ()) -> list[Any]:
        """Write the shards that wait, beside ``others``, whose results are returned."""
        waiting, start = da.concatenate(self._pending), self._start  # type: ignore[no-untyped-call]
        self._pending, self._waiting, self._start = [], 0, start + len(waiting)
        if self._start > self._array.shape[0]:
            self._array.resize((len(self._ledger), *self._array.shape[1:]))
        places = [self._place(at, min(at + self._shard, self._start)) for at in range(start, self._start, self._shard)]
        there = [self._journal.take(place.file, place.key) for place in places]
        self._tell(there)
        threads = min(self._workers, self._at_once)
        here = get_scheduler() in (None, dask.threaded.get)  # type: ignore[no-untyped-call]
        codecs = max(1, self._workers // threads) if here else 1
        rest = (self._array, self._chunk, self._ledger.card, self._journal.path, codecs)
        # One graph for all, so that a piece of a raw file that reaches into two shards is read once.
        blocks = waiting.rechunk((self._shard, -1, -1, -1), method="tasks").to_delayed(optimize_graph=False).ravel()
        tasks = [
            delayed(_write_shard)(block, place, *rest)
            for block, place, shard in zip(blocks, places, there, strict=True)
            if shard is None
        ]
        # A pool of its own is waited for, also after Ctrl-C: nothing is written any more when this returns or raises.
        with (
            ThreadPoolExecutor(threads) as pool,
            self._teller,
            zarr.config.set({PACKED_AT_ONCE: codecs}),
            dask.config.set(pool=pool),
        ):
            *results, found = compute(*tasks, list(others))  # type: ignore[no-untyped-call]
        written = iter(results)
        for shard in there:
            own = next(written) if shard is None else shard
            if isinstance(own, Fault):
                raise DataError(own.what, where=self._ledger.locate(own.frame), help=_FAULT)
            self.written.append(own)
        self._teller.tell(done=self._start)
        return list(found)

    def _place(self, start: int, stop: int) -> Place:
        file = f"frames/{self._array.metadata.encode_chunk_key((start // self._shard, 0, 0, 0))}"
        return Place(start, stop, file, self._ledger.key(start, stop), self._ledger.training(start, stop))

    def _tell(self, there: list[ShardReport | None]) -> None:
        """Report what was taken over."""
        now, taken = self._teller.now, [len(shard.valid) for shard in there if shard is not None]
        self._teller.tell(
            done=now.done + sum(taken),
            total=len(self._ledger),
            taken=now.taken + sum(taken),
            shards=now.shards + len(taken),
        )


def _check_room(values: int, size: int) -> None:
    """See that one frame can be measured at all, before hours are spent on reading some."""
    need = 3 * size + _VALUE * values  # raw, gathered and packed
    if need > (free := available_memory()):
        message = f"a frame of '{size}' bytes takes {need} to convert, {free} are free"
        help_ = "cut the grid into parts that are frames of their own, or use a machine with more memory"
        raise DataError(message, help=help_)


def _began(journal: Journal) -> str:
    if journal.other:
        return "what a stopped conversion left is of another card, options or version: begun anew"
    shards = "shard that a stopped conversion" if journal.found == 1 else "shards that a stopped conversion"
    return f"goes on from {journal.found} {shards} wrote" if journal.found else ""


def _write_shard(
    block: NDArray[Any], place: Place, array: zarr.Array[Any], chunk: int, card: TaskCard, journal: Path, codecs: int
) -> ShardReport | Fault:
    block = np.ascontiguousarray(block, dtype=array.dtype)
    write_packed(array, place.start, block, codecs)
    with ThreadPoolExecutor(1) as disk:  # which needs as long for a shard as measuring it takes
        durable = disk.submit(sync_path, journal.parent / place.file)
        found = _measure(block, place, chunk, card)
        durable.result()
    if isinstance(found, ShardReport):
        note(journal, place.file, place.key, found)
    return found


def _measure(block: NDArray[Any], place: Place, chunk: int, card: TaskCard) -> ShardReport | Fault:
    valid, parts = [], []
    # A chunk at a time, because physical values take up to eight times the room of the raw ones.
    for at in range(0, block.shape[0], chunk):
        frames = decode(block[at : at + chunk], card)
        sound = _is_sound(frames, card)
        if not sound and (fault := _fault(frames, card)) is not None:
            return fault._replace(frame=place.start + at + fault.frame)
        valid += [frame.size - (0 if sound else np.count_nonzero(np.isnan(frame))) for frame in frames]
        if (marks := place.train[at : at + chunk]).any():
            parts.append(Moments.of(frames if marks.all() else frames[marks]))
    train = reduce(Moments.__add__, parts) if parts else None
    return ShardReport(np.array(valid, np.int64), train, hashlib.sha256(block.data).digest())


def _is_sound(frames: NDArray[np.float32], card: TaskCard) -> bool:
    """Tell, quickly, whether all values are there and finite and inside the card's range."""
    least, most = card.value_range or (-np.finfo(np.float32).max, np.finfo(np.float32).max)
    return bool(least <= frames.min() and frames.max() <= most)  # neither is true of NaN


def _fault(frames: NDArray[np.float32], card: TaskCard) -> Fault | None:
    tests = [(np.isinf(frames), "an infinite value")]
    if card.missing == "error":
        tests.append((np.isnan(frames), "a missing value (NaN or fill_value), and its card says missing: error"))
    if card.value_range is not None:
        low, high = card.value_range
        slack = 1e-5 * (high - low)  # of values that were packed as integers
        outside = (frames < low - slack) | (frames > high + slack)
        tests.append((outside, f"a value outside its card's value_range {low} to {high}"))
    for bad, what in tests:
        if bad.any():
            frame, channel, y, x = (int(i) for i in np.argwhere(bad)[0])
            value = frames[frame, channel, y, x]
            return Fault(frame, f"channel '{card.channels[channel].name}' has {what}: '{value}' at y {y}, x {x}")
    return None


def _cf_attributes(card: TaskCard, dtype: np.dtype[Any]) -> dict[str, Any]:
    units = {channel.unit for channel in card.channels}
    attributes: dict[str, Any] = {"channels": [channel.name for channel in card.channels]}
    attributes |= {"units": units.pop()} if len(units) == 1 else {"channel_units": [c.unit for c in card.channels]}
    if (card.scale_factor, card.add_offset) != (1, 0):
        attributes |= {"scale_factor": card.scale_factor, "add_offset": card.add_offset}
    if card.fill_value is not None:  # xarray keeps a floating-point fill value in zarr v3 as base64 of its bytes
        packed = base64.b64encode(struct.pack("<d", card.fill_value)).decode()
        attributes["_FillValue"] = packed if dtype.kind == "f" else int(card.fill_value)
    return attributes
