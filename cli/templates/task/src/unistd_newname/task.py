"""A wave that moves over a field: generated, so that the example needs no file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from unistd.core.task import SPLITS, Channel, FrameSequence, Task, TaskCard, Window

FRAMES = 10
"""Frames in a sequence; windows of T + T' are cut from it."""


class NewNameTask(Task):
    """A sine wave of random direction and length that moves at a constant speed over a periodic field.

    For raw files: take their folder as an option ``root``, return it in ``folder``, and read them in ``sequences``.

    Args:
        height: Rows of pixels H.
        width: Columns of pixels W.
        train: Training sequences.
        val: Validation sequences.
        test: Test sequences.
        seed: Which sequences are drawn.
    """

    card = TaskCard(
        name="newname",
        discipline="waves",
        version="1",  # raise it when the frames change, so that no store of the old ones is used
        channels=(Channel(name="height", unit="m"),),
        step=(1, "h"),
        window=Window(past=4, future=4),
        source="generated",
    )

    def __init__(
        self, *, height: int = 16, width: int = 16, train: int = 40, val: int = 8, test: int = 8, seed: int = 0
    ) -> None:
        self.shape = (height, width)
        self.counts = dict(zip(SPLITS, (train, val, test), strict=True))
        self.seed = seed

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each sequence (time, 1, H, W) in metres, with its split."""
        times = np.datetime64("2024-01-01T00", "h") + np.arange(FRAMES)
        for number, split in enumerate(SPLITS):
            for index in range(self.counts[split]):
                frames = self._wave(np.random.default_rng((self.seed, number, index)))
                yield FrameSequence(name=f"{split}-{index}", frames=frames, times=times, split=split)

    def _wave(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return the heights (time, 1, H, W) of one wave."""
        y, x = (np.arange(size) / size for size in self.shape)
        waves = rng.integers(1, 3, 2) * rng.choice((-1, 1), 2)
        place = waves[0] * y[:, None] + waves[1] * x - rng.uniform(0.05, 0.15) * np.arange(FRAMES)[:, None, None]
        return np.asarray(np.sin(2 * np.pi * (place + rng.uniform()))[:, None], dtype=np.float32)
