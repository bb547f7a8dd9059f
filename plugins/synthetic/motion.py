"""Shapes that bounce in a box."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from unistd.core.task import Channel, FrameSequence, Split, Task, TaskCard, Window
from unistd.plugins.synthetic.config import MOTION_WINDOW
from unistd.plugins.synthetic.draws import draw_sequences

Array = NDArray[np.float64]
# Distance (pixels) to the edge of a shape of radius r, negative inside, at dy, dx from its centre.
SHAPES: tuple[Callable[[Array, Array, float], Array], ...] = (
    lambda dy, dx, r: np.hypot(dy, dx) - r,  # disc
    lambda dy, dx, r: np.maximum(abs(dy), abs(dx)) - 0.85 * r,  # square
    lambda dy, dx, r: abs(np.hypot(dy, dx) - 0.75 * r) - 0.25 * r,  # ring
    lambda dy, dx, r: np.maximum(np.minimum(abs(dy), abs(dx)) - 0.3 * r, np.maximum(abs(dy), abs(dx)) - r),  # cross
)


class SyntheticMotion(Task):
    """Discs, squares, rings and crosses of several sizes and greys at constant speed, mirrored at the walls.

    Edges are drawn smoothly, so motion of a part of a pixel shows.

    Args:
        height, width: Pixels.
        shapes: Shapes in a sequence.
        frames: Frames in a sequence.
        train, val, test: Sequences of each split.
        seed: Which sequences are drawn.
    """

    card = TaskCard(
        name="synthetic-motion",
        discipline="motion",
        version="1",
        channels=(Channel(name="brightness", unit="1"),),
        step=(100, "ms"),
        window=Window(past=MOTION_WINDOW.past, future=MOTION_WINDOW.future),
        normalization="range",
        mirrors=("y", "x"),
        value_range=(0.0, 1.0),
        scale_factor=1 / 255,
        source="generated",
    )

    def __init__(
        self,
        *,
        height: int = 32,
        width: int = 32,
        shapes: int = 2,
        frames: int = 20,
        train: int = 200,
        val: int = 30,
        test: int = 30,
        seed: int = 0,
    ) -> None:
        self.shape = (height, width)
        self.shapes = shapes
        self.frames = frames
        self.counts: dict[Split, int] = {"train": train, "val": val, "test": test}
        self.seed = seed

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each sequence (frames, 1, H, W) of bytes."""
        times = np.datetime64(0, "ms") + 100 * np.arange(self.frames)
        for name, split, rng in draw_sequences(self.counts, self.seed):
            brightness = np.max([self._shape(rng) for _ in range(self.shapes)], axis=0)
            frames = np.rint(255 * brightness).astype(np.uint8)[:, None]
            yield FrameSequence(name=name, frames=frames, times=times, split=split)

    def _shape(self, rng: np.random.Generator) -> Array:
        """Return the brightness (frames, H, W) in [0, 1] of one moving shape."""
        side = min(self.shape)
        radius = side * rng.uniform(0.1, 0.18)
        speed, angle = side * rng.uniform(0.02, 0.06), rng.uniform(0, 2 * np.pi)
        centres = []
        for length, way in zip(self.shape, (np.sin(angle), np.cos(angle)), strict=True):
            free = length - 1 - 2 * radius
            centres.append(radius + mirror(rng.uniform(0, free) + speed * way * np.arange(self.frames), free))
        y, x = np.mgrid[: self.shape[0], : self.shape[1]]
        distance = SHAPES[rng.integers(len(SHAPES))](
            y - centres[0][:, None, None], x - centres[1][:, None, None], radius
        )
        return rng.uniform(0.5, 1) * (0.5 - distance).clip(0, 1)


def mirror(path: Array, length: float) -> Array:
    """Fold a straight ``path`` back and forth between 0 and ``length``."""
    return length - abs(path % (2 * length) - length)
