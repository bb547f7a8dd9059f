"""How a store's chunks are packed, and by which threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
    asyncio.run(_write(array, start, frames, alone=threads == 1))


async def _write(array: zarr.Array[Any], start: int, frames: NDArray[Any], *, alone: bool) -> None:
    if alone:
        asyncio.get_running_loop().set_default_executor(_Here(1))
    await array.async_array.setitem(slice(start, start + len(frames)), frames)


class _Here(ThreadPoolExecutor):
    """Does in the calling thread what zarr hands to another; handing over and waiting takes as long as packing."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except BaseException as error:
            done.set_exception(error)
        return done
