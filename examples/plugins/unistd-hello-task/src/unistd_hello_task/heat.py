"""The task: frames, and what they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unistd.core.task import SPLITS, Channel, FrameSequence, Task, TaskCard, Window

HEIGHT, WIDTH, FRAMES = 24, 32, 24
ROOM, HOT = 20.0, 80.0  # degrees Celsius
SPREAD = 0.15  # pixels² a minute
BREEZE = (0.3, 0.8)  # pixels a minute along y and x


class Heat(Task):
    """Hot spots that drift with a breeze while they spread, on a plate whose opposite edges touch.

    A task that reads files has ``root`` as an option, returns its folder by ``folder``, and raises ``DataError`` with
    the name of a file that is not what it should be.

    Args:
        spots: Hot spots at the start.
        plates: Training plates.
        seed: Which plates are drawn.
    """

    # Everything a reader of the scores has to know. A new `version` makes unistd convert the frames anew.
    card = TaskCard(
        name="hello-heat",
        discipline="heat",
        version="1",
        channels=(Channel(name="temperature", unit="degC"),),
        step=(1, "m"),
        window=Window(past=4, future=8),
        source="generated",
    )

    def __init__(self, *, spots: int = 5, plates: int = 20, seed: int = 0) -> None:
        self.spots, self.plates, self.seed = spots, plates, seed

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each plate as a sequence of frames (time, 1, H, W); a window never spans two of them."""
        few = max(1, self.plates // 4)
        for part, (split, count) in enumerate(zip(SPLITS, (self.plates, few, few), strict=True)):
            for number in range(count):
                # A generator for each plate: more of them leave the first ones as they were.
                rng = np.random.default_rng((self.seed, part, number))
                yield FrameSequence(
                    name=f"{split}-{number}",
                    frames=self._plate(rng)[:, None],
                    times=np.datetime64("2024-01-01T00:00", "m") + np.arange(FRAMES),
                    split=split,
                )

    def _plate(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Solve the heat equation exactly: each wave of the first frame turns with the breeze and fades by its k²."""
        first = np.full((HEIGHT, WIDTH), ROOM)
        first[rng.integers(HEIGHT, size=self.spots), rng.integers(WIDTH, size=self.spots)] += 9 * (HOT - ROOM)
        y = 2 * np.pi * np.fft.fftfreq(HEIGHT)[:, None]
        x = 2 * np.pi * np.fft.rfftfreq(WIDTH)
        rate = -SPREAD * (y**2 + x**2) - 1j * (BREEZE[0] * y + BREEZE[1] * x)
        minutes = 5 + np.arange(FRAMES)[:, None, None]  # a spot of one pixel has spread a little
        return np.fft.irfft2(np.fft.rfft2(first) * np.exp(rate * minutes), (HEIGHT, WIDTH)).astype(np.float32)
