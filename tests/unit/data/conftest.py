from dataclasses import replace

import numpy as np
import pytest

from unistd.core.task import Channel, FrameSequence, Task, TaskCard, Window

CARD = TaskCard(
    name="tiny",
    discipline="synthetic",
    version="1",
    channels=(Channel(name="inflow", unit="trips"), Channel(name="outflow", unit="trips")),
    step=(30, "m"),
    window=Window(past=3, future=2),
)


class TinyTask(Task):
    """Sequences handed in, under a card."""

    def __init__(self, sequences, **card):
        self._sequences, self._card = sequences, replace(CARD, **card)

    @property
    def card(self):
        return self._card

    def sequences(self):
        yield from self._sequences


def half_hours(count, start="2020-01-01"):
    return np.datetime64(start, "m") + 30 * np.arange(count)


def sequence(name, split, count=20, seed=0, **changes):
    """Noise as int16 on a 4×5 grid, one frame each half-hour."""
    frames = np.random.default_rng(seed).integers(0, 100, (count, 2, 4, 5)).astype(np.int16)
    return FrameSequence(**{"name": name, "frames": frames, "times": half_hours(count), "split": split, **changes})


def three_sequences():
    return [sequence(f"{split}.npy", split, seed=i) for i, split in enumerate(("train", "val", "test"))]


@pytest.fixture
def tiny():
    """The task class, with ways to make sequences."""
    TinyTask.sequence, TinyTask.three, TinyTask.half_hours = map(staticmethod, (sequence, three_sequences, half_hours))
    return TinyTask
