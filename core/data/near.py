"""Frames of two splits that are nearly the same: copies that were encoded again, rounded, or a shade brighter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

_SIDE = 8  # blocks along each side of a frame, at most: a block's mean hardly feels noise and compression
_ROOM = 2**28  # bytes of all signatures; beyond, blocks are larger
_NEAR = 0.05  # largest distance of a copy, in deviations of the blocks over time
_CLEARLY = 0.5  # of the distance to frames that are merely alike
_ROWS = 4096  # frames that are looked up at once


def block_side(frames: int, channels: int) -> int:
    """Return how many blocks along each side the signatures of so many frames have room for."""
    return max(1, min(_SIDE, int((_ROOM / (4 * max(1, frames * channels))) ** 0.5)))


def block_means(frames: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the means (t, C · b · b) of ``frames`` (t, C, H, W) over at most ``side`` blocks along each axis."""
    rows, columns = (np.unique(np.arange(side) * size // side) for size in frames.shape[2:])
    known = ~np.isnan(frames)
    total, count = (
        np.add.reduceat(np.add.reduceat(part, rows, axis=2), columns, axis=3)
        for part in (np.where(known, frames, 0), known.astype(np.float32))
    )
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means.reshape(len(frames), -1).astype(np.float32)


def signatures(means: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Return ``means`` (time, C · b · b) as deviations from each block's mean over time, ÷ their size in that channel.

    The distance of two rows is the root of the mean square over blocks, so that two frames with nothing in common are
    about √2 apart; a block without a value counts as its mean.
    """
    known = ~np.isnan(means)
    apart = np.where(known, means, 0)
    apart -= np.where(known, apart.sum(0, dtype=np.float64) / np.maximum(known.sum(0), 1), 0).astype(np.float32)
    by_channel = apart.reshape(len(apart), channels, -1)
    squares = np.square(by_channel, dtype=np.float64).sum((0, 2))
    size = np.sqrt(squares / np.maximum(known.reshape(by_channel.shape).sum((0, 2)), 1))
    by_channel /= np.where(size > 0, size, 1).astype(np.float32)[:, None]
    blocks = known.sum() / max(1, len(known))  # that have a value, on average
    apart /= np.sqrt(max(1.0, blocks))
    return apart


def steps_in_time(rows: NDArray[np.float32], sequence: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return for each frame of ``rows`` (time, S) the distance to the nearer of its two neighbours in its sequence."""
    step = np.where(np.diff(sequence) == 0, np.linalg.norm(np.diff(rows, axis=0), axis=1), np.inf)
    return np.asarray(np.minimum(np.append(step, np.inf), np.append(np.inf, step)))


def near_copies(
    rows: NDArray[np.float32], steps: NDArray[np.float64], one: NDArray[np.int64], other: NDArray[np.int64], reach: int
) -> Iterator[tuple[int, int]]:
    """Give the pairs of frames, of ``one`` (n,) and of ``other`` (m,), of which one is a copy of the other.

    Fields that change slowly, empty streets at night and the same month of another year are alike without being
    copies. So a pair counts only if its distance is less than a twentieth of the deviation of blocks over time, less
    than half of that of either frame to its neighbours in time, and less than half of that to any other frame of
    ``one`` that is ``reach`` frames or more away from the first.
    """
    if not len(one) or not len(other):
        return
    tree, count = KDTree(rows[one]), min(len(one), 2 * reach)
    for start in range(0, len(other), _ROWS):
        part = other[start : start + _ROWS]
        answer = tree.query(rows[part], k=[*range(1, count + 1)], distance_upper_bound=_NEAR / _CLEARLY)
        distance, place = map(np.asarray, answer)
        nearest, found = distance[:, 0], np.isfinite(distance)
        frames = one[np.where(found, place, 0)]
        others = np.where(found & (np.abs(frames - frames[:, :1]) >= reach), distance, np.inf).min(1)
        alike = np.minimum(others, np.minimum(steps[frames[:, 0]], steps[part]))
        for at in np.flatnonzero((nearest < _NEAR) & (nearest < _CLEARLY * alike)):
            yield int(frames[at, 0]), int(part[at])
