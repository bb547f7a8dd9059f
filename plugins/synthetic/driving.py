"""The view from a moving car."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unistd.core.task import Channel, FrameSequence, Split, Task, TaskCard, Window
from unistd.plugins.synthetic.config import DRIVING_WINDOW
from unistd.plugins.synthetic.draws import draw_sequences, sample, smooth_noise

EYE = 1.5  # m above the road
BACKDROP = 60.0  # m to the houses behind
FOG = 20.0  # m at which a third of the road's contrast is left
STEP = 0.1  # s between frames
TEXTURE = 128  # pixels along each side of a periodic texture
PER_METRE = 2.0  # texture pixels of the road; a quarter of that for the houses
HAZE = np.array([0.75, 0.8, 0.85])[:, None, None]
ROAD, HOUSES = (np.array(colour)[:, None, None] for colour in ([0.45, 0.45, 0.4], [0.55, 0.4, 0.35]))


class SyntheticDriving(Task):
    """A pinhole camera over a textured plane before a wall of houses; speed and turn are constant in a sequence.

    Near ground moves fast, far ground slowly, the houses pan with the turn and grow as they come near: parallax and
    zoom follow from the geometry.

    Args:
        height, width: Pixels.
        frames: Frames in a sequence.
        train, val, test: Sequences of each split.
        seed: Which roads are drawn.
    """

    card = TaskCard(
        name="synthetic-driving",
        discipline="driving",
        version="1",
        channels=(Channel(name="red", unit="1"), Channel(name="green", unit="1"), Channel(name="blue", unit="1")),
        step=(100, "ms"),
        window=Window(past=DRIVING_WINDOW.past, future=DRIVING_WINDOW.future),
        normalization="range",
        mirrors=("x",),
        value_range=(0.0, 1.0),
        scale_factor=1 / 255,
        source="generated",
    )

    def __init__(
        self,
        *,
        height: int = 32,
        width: int = 48,
        frames: int = 10,
        train: int = 200,
        val: int = 30,
        test: int = 30,
        seed: int = 0,
    ) -> None:
        self.shape = (height, width)
        self.frames = frames
        self.counts: dict[Split, int] = {"train": train, "val": val, "test": test}
        self.seed = seed

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each sequence (frames, 3, H, W) of bytes."""
        times = np.datetime64(0, "ms") + 100 * np.arange(self.frames)
        for name, split, rng in draw_sequences(self.counts, self.seed):
            frames = np.rint(255 * self._drive(rng)).astype(np.uint8)
            yield FrameSequence(name=name, frames=frames, times=times, split=split)

    def _drive(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the colours (frames, 3, H, W) in [0, 1] of one drive."""
        speed = rng.uniform(1, 5)  # m/s
        turn = rng.uniform(-0.25, 0.25)  # rad/s
        road, houses = (smooth_noise(rng, (TEXTURE, TEXTURE), size) for size in (6, 8))
        frames = []
        heading, place = 0.0, np.zeros(2)
        for _ in range(self.frames):
            frames.append(self._view(road, houses, heading, place))
            heading += STEP * turn
            place = place + STEP * speed * np.array([np.cos(heading), np.sin(heading)])
        return np.stack(frames)

    def _view(
        self, road: NDArray[np.float64], houses: NDArray[np.float64], heading: float, place: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return one frame (3, H, W) from ``place`` (metres forward and to the right of the start)."""
        height, width = self.shape
        focal = width / 2
        y, x = np.mgrid[:height, :width]
        right, down = (x - (width - 1) / 2) / focal, (y - (height - 0.5) / 2 + height / 8) / focal
        ground = down > 0
        depth = np.where(ground, EYE / np.where(ground, down, 1), BACKDROP)
        ahead = place[0] + depth * (np.cos(heading) - right * np.sin(heading))
        aside = place[1] + depth * (np.sin(heading) + right * np.cos(heading))
        on_road = sample(road, PER_METRE * ahead, PER_METRE * aside)
        distance = BACKDROP - place[0]
        up = PER_METRE / 4 * down * distance
        on_houses = sample(houses, up, PER_METRE / 4 * (place[1] + distance * np.tan(heading + np.arctan(right))))
        colour = np.where(ground, ROAD * (1 + 0.4 * on_road), HOUSES * (1 + 0.3 * on_houses))
        clear = np.where(ground, np.exp(-depth / FOG), 0.7)
        return np.asarray((clear * colour + (1 - clear) * HAZE).clip(0, 1))
