"""What is in a store: frames, splits, windows, values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.store import Store, stored_bytes
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.core.task import SPLITS

_AT_ONCE = 2**27  # bytes of physical values


def contents(store: Store) -> dict[str, Any]:
    """Describe ``store`` as JSON: shape, time, splits with their windows, each channel's values, files and bytes.

    Every frame is read once, a piece at a time.
    """
    card, window = store.card, store.card.window
    return {
        "task": card.name,
        "protocol": card.protocol,
        "frames": len(store),
        "grid": list(store.grid),
        "first": str(store.times.min()),
        "last": str(store.times.max()),
        "step": list(card.step),
        "window": [window.past, window.future],
        "sequences": len(np.unique(store.sequence)),
        "splits": {split: _split(store, index) for index, split in enumerate(SPLITS)},
        "channels": _channels(store),
        "source_files": len(store.source_files),
        "bytes": stored_bytes(store.path),
        "bytes_uncompressed": store.nbytes,
        "digest": store.digest,
    }


def _split(store: Store, index: int) -> dict[str, Any]:
    split, window = SPLITS[index], store.card.window
    facts: dict[str, Any] = {"frames": int((store.split == index).sum())}
    try:
        windows = Windows(store, split, window.past, window.future)
    except DataError as error:
        return {**facts, "windows": 0, "dropped": {}, "why": error.message}
    return {**facts, "windows": len(windows), "dropped": {why: n for why, n in windows.dropped.items() if n}}


def _channels(store: Store) -> list[dict[str, Any]]:
    count = len(store.card.channels)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    total, known = np.zeros(count), np.zeros(count, np.int64)
    for values in pieces(store):
        valid = ~np.isnan(values)
        low = np.minimum(low, np.where(valid, values, np.inf).min((0, 2, 3)))
        high = np.maximum(high, np.where(valid, values, -np.inf).max((0, 2, 3)))
        total += np.where(valid, values, 0).sum((0, 2, 3), dtype=np.float64)
        known += valid.sum((0, 2, 3))
    size = len(store) * store.grid[0] * store.grid[1]
    return [
        {
            "name": channel.name,
            "unit": channel.unit,
            "low": float(low[i]) if known[i] else None,
            "mean": float(total[i] / known[i]) if known[i] else None,
            "high": float(high[i]) if known[i] else None,
            "missing": 1 - int(known[i]) / size,
            "offset": float(store.offset[i]),
            "scale": float(store.scale[i]),
        }
        for i, channel in enumerate(store.card.channels)
    ]


def pieces(store: Store) -> Iterator[NDArray[np.float32]]:
    """Give all frames (t, C, H, W) in physical units, a piece at a time."""
    frame = 4 * len(store.card.channels) * store.grid[0] * store.grid[1]
    step = max(1, _AT_ONCE // frame)
    for start in range(0, len(store), step):
        yield store.read(start, min(start + step, len(store)))


def frame_means(store: Store) -> NDArray[np.float64]:
    """Return the mean (time, C) of each frame's valid pixels, NaN where there is none."""
    means = []
    for values in pieces(store):
        known = (~np.isnan(values)).sum((2, 3))
        means.append(np.where(known, np.nansum(values, axis=(2, 3), dtype=np.float64) / np.maximum(known, 1), np.nan))
    return np.concatenate(means)
