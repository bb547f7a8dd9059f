"""Frames onto the disk, shard by shard, with all that is to be found out about them on the way."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import zarr
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from unistd.core.data.ledger import Ledger
from unistd.core.data.moments import Moments
from unistd.core.data.store import decode
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, TaskCard

_CHUNK, _SMALL, _SHARD = 2**20, 2**18, 2**26  # bytes
_TOGETHER = 8  # shards that dask works on before progress is reported
_FAULT = "mend the raw file, or the task's card if the values are right"

Report = Callable[[int, int], None]
"""Called with the frames written and the frames known so far."""


class ShardReport(NamedTuple):
    """What was found out while a shard was written.

    Attributes:
        valid: (t,) values of each frame that are not missing.
        train: Moments of the training frames.
        digest: SHA-256 of the raw bytes.
    """

    valid: NDArray[np.int64]
    train: Moments | None
    digest: bytes


class Fault(NamedTuple):
    """The first frame of a shard, by its index in the store, that breaks the card, and how."""

    frame: int
    what: str


class FrameWriter:
    """Appends frames to the array ``frames`` of a new store; holds no more than a few shards of them in memory."""

    def __init__(self, group: zarr.Group, first: Any, ledger: Ledger, report: Report | None) -> None:
        card, grid, size = ledger.card, first.shape[1:], max(1, math.prod(first.shape[1:]) * first.dtype.itemsize)
        self._chunk = max(1, min(_CHUNK // size, max(card.window.past + card.window.future, _SMALL // size)))
        self._shard = self._chunk * max(1, _SHARD // (self._chunk * size))
        self._array = group.create_array(
            "frames",
            shape=(0, *grid),
            chunks=(self._chunk, *grid),
            shards=(self._shard, *grid),
            dtype=first.dtype.newbyteorder("="),
            compressors=ZstdCodec(level=3),
            dimension_names=("time", "channel", "y", "x"),
            attributes=_cf_attributes(card, first.dtype),
            config={"write_empty_chunks": True},
        )
        self._ledger, self._report = ledger, report
        self._pending: list[da.Array] = []
        self._waiting = 0
        self.written: list[ShardReport] = []

    def add(self, frames: Any) -> None:
        """Append ``frames`` (t, C, H, W), lazy or not, that the ledger knows; writes whenever some shards are full.

        Raises:
            DataError: A frame breaks the card; names it.
        """
        if not isinstance(frames, da.Array):
            frames = da.from_array(frames, chunks=(self._shard, -1, -1, -1), name=False)  # type: ignore[no-untyped-call]
        full, at = self._shard * _TOGETHER, 0
        while at < len(frames):
            piece = frames[at : at + full - self._waiting]
            self._pending.append(piece)
            self._waiting += len(piece)
            at += len(piece)
            if self._waiting == full:
                self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        waiting, start = da.concatenate(self._pending), self._array.shape[0]  # type: ignore[no-untyped-call]
        self._pending, self._waiting = [], 0
        self._array.resize((start + len(waiting), *self._array.shape[1:]))
        train = self._ledger.split == SPLITS.index("train")
        tasks = []
        for at in range(0, len(waiting), self._shard):
            block, first = waiting[at : at + self._shard], start + at
            marks = train[first : first + block.shape[0]]
            tasks.append(delayed(_write_shard)(block, self._array, first, marks, self._chunk, self._ledger.card))
        for written in compute(*tasks):  # type: ignore[no-untyped-call]
            if isinstance(written, Fault):
                raise DataError(written.what, where=self._ledger.locate(written.frame), help=_FAULT)
            self.written.append(written)
        if self._report is not None:
            self._report(self._array.shape[0], len(self._ledger))


def _write_shard(
    block: NDArray[Any], array: zarr.Array[Any], start: int, train: NDArray[np.bool_], chunk: int, card: TaskCard
) -> ShardReport | Fault:
    block = np.ascontiguousarray(block, dtype=array.dtype)
    valid, parts = [], []
    # A chunk at a time, because physical values take up to eight times the room of the raw ones.
    for at in range(0, block.shape[0], chunk):
        frames = decode(block[at : at + chunk], card)
        if (fault := _fault(frames, card)) is not None:
            return fault._replace(frame=start + at + fault.frame)
        valid.append((~np.isnan(frames)).sum((1, 2, 3)))
        if (marks := train[at : at + chunk]).any():
            parts.append(Moments.of(frames[marks]))
    array[start : start + block.shape[0]] = block
    train_moments = reduce(Moments.__add__, parts) if parts else None
    return ShardReport(np.concatenate(valid), train_moments, hashlib.sha256(block.data).digest())


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
