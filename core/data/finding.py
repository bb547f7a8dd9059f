"""What an audit finds."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.store import Store

_NAMED = 5  # places that a finding names
AGAIN = "the store was changed after it was written: remove the folder and prepare it again"


class Finding(NamedTuple):
    """One thing found: ``problem`` or ``note``, what and where it is, and what to do about it."""

    level: Literal["problem", "note"]
    what: str
    help: str = ""


def frame_label(store: Store, frame: int) -> str:
    """Return how findings name a frame: its index in the store and its time."""
    return f"{frame} ({store.times[frame]})"


def named(store: Store, frames: NDArray[np.integer] | list[int]) -> str:
    """Name the first of ``frames`` (n,)."""
    more = ", …" if len(frames) > _NAMED else ""
    return ", ".join(frame_label(store, int(frame)) for frame in frames[:_NAMED]) + more


def named_pairs(store: Store, pairs: list[tuple[int, int]], sign: str) -> str:
    """Name the first of ``pairs`` of frames."""
    more = ", …" if len(pairs) > _NAMED else ""
    told = (f"{frame_label(store, a)} {sign} {frame_label(store, b)}" for a, b in pairs[:_NAMED])
    return ", ".join(told) + more
