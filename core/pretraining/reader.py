"""The frames of a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unistd.core.data.batches import hold, mirrored, mirrors
from unistd.core.data.memory import available_memory
from unistd.core.data.schedule import JointSchedule, generator
from unistd.core.pretraining.stills import FrameSource


class StillBatch(NamedTuple):
    """Frames of one source as the trunk is given them.

    Attributes:
        source: Where they come from.
        frames: (B, C, H, W) normalised; NaN is missing.
        labels: (B,) int64, 0 where there are none.
        indices: (B,) which frames of their part they are.
        number: Random, for what else is drawn for this batch, such as which patches are hidden.
    """

    source: str
    frames: Tensor
    labels: Tensor
    indices: Tensor
    number: int


class StillReader:
    """Reads what a schedule draws, as a pure function of the step; safe to call from several threads.

    Args:
        sources: Frames by name.
        schedule: Made for their training frames.
        cache: ``auto`` holds stores in memory as far as half of what is free goes, ``never`` reads from disk.
    """

    def __init__(
        self, sources: Mapping[str, FrameSource], schedule: JointSchedule, cache: Literal["auto", "never"] = "auto"
    ) -> None:
        self.sources, self.schedule = sources, schedule
        if cache == "auto":
            hold([own.store for own in sources.values() if own.store], available_memory() // 2)

    def read(self, step: int) -> StillBatch:
        """Return the batch of ``step``, cropped and mirrored at random."""
        name = self.schedule.task(step)
        source, indices = self.sources[name], self.schedule.indices(step)
        random = generator(self.schedule.seed, f"frames of {name}", step)
        at = (random.random_raw(2 * len(indices)) / 2.0**64).reshape(-1, 2)
        frames = source.train.read(indices, at)[:, None]
        for axis, chosen in mirrors(self.schedule, step, source.card.mirrors):
            frames = mirrored(frames, chosen, axis)
        return _batch(name, source, frames[:, 0], source.train.labels, indices, random)


def held_out(name: str, source: FrameSource, most: int, batch: int) -> Iterator[StillBatch]:
    """Give at most ``most`` validation frames of ``source``, always the same ones, from the middle of each."""
    count = min(most, len(source.val))
    chosen = np.linspace(0, len(source.val) - 1, count).round().astype(np.int64)
    for first in range(0, count, batch):
        indices = chosen[first : first + batch]
        frames = source.val.read(indices, np.full((len(indices), 2), 0.5))
        yield _batch(name, source, frames, source.val.labels, indices, generator(0, f"held out of {name}", first))


def _batch(
    name: str,
    source: FrameSource,
    frames: Tensor,
    labels: np.ndarray[tuple[int], np.dtype[np.int64]] | None,
    indices: np.ndarray[tuple[int], np.dtype[np.int64]],
    random: np.random.Philox,
) -> StillBatch:
    own = np.zeros(len(indices), np.int64) if labels is None else labels[indices]
    number = int(random.random_raw()) >> 1  # what torch takes as a seed is signed
    return StillBatch(
        name, source.normalization.normalize(frames), torch.from_numpy(own), torch.from_numpy(indices), number
    )
