"""A store in memory: what evaluation asks of one, without files."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unistd.core.data.store import WHOLE
from unistd.core.task import SPLITS, Channel, Cycle, TaskCard, Window


class MemoryStore:
    def __init__(self, frames, times, split, sequence, card):
        self.frames, self.card, self.path = np.asarray(frames, np.float32), card, "memory"
        self.times, self.sequence = times.astype("datetime64[ms]"), np.asarray(sequence, np.int32)
        self.split = np.array([SPLITS.index(name) for name in split], np.int8)
        self.grid, self.reads = self.frames.shape[2:], []

    def __len__(self):
        return len(self.frames)

    def read(self, start, stop):
        self.reads.append(stop - start)
        return self.frames[start:stop]

    def spans(self, starts, length, region=WHOLE):
        unique, at = np.unique(starts[:, None] + np.arange(length), return_inverse=True)
        self.reads.append(len(unique))
        return self.frames[unique][:, :, *region], at.reshape(len(starts), length)[:, 0]

    def decode(self, raw):
        return raw


@pytest.fixture
def make_windows():
    """Build the windows of the test split from frames (time, C, H, W), each a list or an array."""

    def make(
        frames, split, *, past=2, future=2, step=(1, "h"), cycles=(), missing="error", sequence=None, first="2024-01-01"
    ):
        frames = np.asarray(frames, np.float32)
        if frames.ndim == 1:
            frames = frames[:, None, None, None]
        count, unit = step
        times = np.datetime64(first, unit) + np.arange(len(frames)) * np.timedelta64(count, unit)
        card = TaskCard(
            name="toy",
            discipline="test",
            version="1",
            channels=tuple(Channel(name=f"c{i}", unit="K") for i in range(frames.shape[1])),
            step=step,
            window=Window(past=past, future=future),
            cycles=tuple(Cycle(name=name, steps=steps) for name, steps in cycles),
            missing=missing,
        )
        sequence = np.zeros(len(frames)) if sequence is None else np.asarray(sequence)
        store = MemoryStore(frames, times, split, sequence, card)
        starts = [
            i
            for i in range(len(frames) - past - future + 1)
            if all(name == "test" for name in split[i : i + past + future])
            and len(set(sequence[i : i + past + future])) == 1
        ]
        return Windows(store, np.array(starts, np.int64), past, future)

    class Windows(SimpleNamespace):
        def __init__(self, store, starts, past, future):
            super().__init__(store=store, starts=starts, past=past, future=future, split="test")

        def __len__(self):
            return len(self.starts)

        def read(self, indices):
            raw, at = self.store.spans(self.starts[indices], self.past + self.future)
            frames = torch.from_numpy(raw[at[:, None] + np.arange(self.past + self.future)])
            return frames[:, : self.past], frames[:, self.past :]

    return make
