"""How a store's chunks are packed, and by which threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from selectors import DefaultSelector, SelectorKey
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, ZstdCodec

PACKED_AT_ONCE = "async.concurrency"
"""zarr's setting of how many chunks of an array are packed at once: ten, however few workers were asked for."""


def codec_for(dtype: np.dtype[Any]) -> BloscCodec | ZstdCodec:
    """Return what packs a chunk: by its first, second … bytes, as the high bytes of neighbours are alike."""
    if dtype.itemsize == 1:
        return ZstdCodec(level=1)
    return BloscCodec(cname="zstd", clevel=1, shuffle="shuffle", typesize=dtype.itemsize)


def write_packed(array: zarr.Array[Any], start: int, frames: NDArray[Any], threads: int) -> None:
    """Write ``frames`` (t, C, H, W), a shard of ``array`` from ``start`` on, packed by ``threads`` threads.

    In a loop of the calling thread's own: by zarr's only one, two shards at once take twice as long as one.
    """
    if zarr.config.get(PACKED_AT_ONCE) != threads:  # in a process of a cluster, whose threads all ask for the same
        zarr.config.set({PACKED_AT_ONCE: threads})
    with asyncio.Runner(loop_factory=_OneThread if threads == 1 else None) as runner:
        runner.run(array.async_array.setitem(slice(start, start + len(frames)), frames))


class _OneThread(asyncio.SelectorEventLoop):
    """Does at once what zarr hands to another thread: handing over and waiting takes as long as packing."""

    def __init__(self) -> None:
        super().__init__(_Busy())

    def run_in_executor(self, _executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except BaseException as error:
            done.set_exception(error)
        return done


class _Busy(DefaultSelector):
    """Asks the system for events only when there is nothing else to do: each time costs the interpreter's lock."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        return [] if timeout == 0 else super().select(timeout)
