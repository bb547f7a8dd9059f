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
        missing = np.isnan(frames)
        count = (~missing).sum(axes).astype(np.float64)
        values = frames.astype(np.float64)
        values[missing] = 0
        mean = values.sum(axes) / np.maximum(count, 1)
        values -= mean[:, None, None]
        values[missing] = 0
        squares = np.einsum("tchw,tchw->c", values, values)
        low = np.fmin.reduce(frames, axis=axes, initial=np.inf).astype(np.float64)
        high = np.fmax.reduce(frames, axis=axes, initial=-np.inf).astype(np.float64)
        return cls(count, mean, squares, low, high)

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
