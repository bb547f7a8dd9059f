"""What several generated tasks draw: splits of a record, seeded sequences, smooth textures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from unistd.core.task import SPLITS, Split


def split_by_day(days: int, steps: int) -> NDArray[np.str_]:
    """Return the split of each frame: whole days in order of time, a seventh each for val and test."""
    part = max(1, days // 7)
    return np.repeat(SPLITS, (steps * (days - 2 * part), steps * part, steps * part))


def draw_sequences(counts: Mapping[Split, int], seed: int) -> Iterator[tuple[str, Split, np.random.Generator]]:
    """Give name, split and random generator of each sequence; asking for more leaves the first ones as they were."""
    for number, split in enumerate(SPLITS):
        for index in range(counts[split]):
            yield f"{split}-{index}", split, np.random.default_rng((seed, number, index))


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], size: float) -> NDArray[np.float64]:
    """Draw a periodic field (H, W) of mean 0 and deviation 1 whose features are about ``size`` pixels wide."""
    fy = np.fft.fftfreq(shape[0])[:, None]
    fx = np.fft.rfftfreq(shape[1])[None]
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) * np.exp(-((np.pi * size / 2) ** 2) * (fy**2 + fx**2))
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, shape)
    return np.asarray(field / field.std())


def sample(field: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Read the periodic ``field`` (H, W) between its pixels, bilinearly, at ``y`` and ``x`` (any shape)."""
    return np.asarray(map_coordinates(field, [y, x], order=1, mode="grid-wrap"))
