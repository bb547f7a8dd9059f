"""Mean, deviation and extremes of each channel, summed up from parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Moments:
    """Count, mean, sum of squared deviations and extremes (C,) of the valid values, in float64; add up in any order."""

    count: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, frames: NDArray[np.float32]) -> Moments:
        """Measure ``frames`` (t, C, H, W); NaN takes no part."""
        axes = (0, 2, 3)
        low, high = frames.min(axes), frames.max(axes)  # NaN where one is missing
        missing = np.isnan(frames) if np.isnan(low).any() else None
        count = np.full(len(low), frames[:, 0].size, np.float64)
        values = frames.astype(np.float64)
        if missing is not None:
            count -= missing.sum(axes)
            low, high = np.fmin.reduce(frames, axes, initial=np.inf), np.fmax.reduce(frames, axes, initial=-np.inf)
            values[missing] = 0
        mean = values.sum(axes) / np.maximum(count, 1)
        values -= mean[:, None, None]
        if missing is not None:
            values[missing] = 0
        squares = np.einsum("tchw,tchw->c", values, values)
        return cls(count, mean, squares, low.astype(np.float64), high.astype(np.float64))

    def __add__(self, other: Moments) -> Moments:
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        apart = other.mean - self.mean
        return Moments(
            count,
            self.mean + apart * share,
            self.squares + other.squares + apart**2 * self.count * share,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )
