"""Means of the training frames, by phase of a cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from unistd.core.evaluation.gather import ticks
from unistd.core.task import SPLITS, Cycle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unistd.core.data.store import Store

CHUNK = 32  # frames read at a time
LARGEST = 4 * 2**30  # bytes of the sums held in memory


@dataclass(frozen=True)
class TrainMean:
    """Means over the training split: ``phases`` (P, C, H, W) by phase of a cycle, ``overall`` (C, H, W) by pixel.

    A pixel never valid in a phase has its overall mean there; one never valid at all, its channel's mean.
    """

    phases: Tensor
    overall: Tensor


def train_frames(store: Store) -> NDArray[np.int64]:
    """Return the indices of the frames in the training split."""
    return np.flatnonzero(store.split == SPLITS.index("train"))


def covered_cycle(store: Store) -> tuple[Cycle | None, str]:
    """Return the longest cycle each of whose phases is in the training split, or why there is none."""
    moments = ticks(store.times[train_frames(store)], store.card.step)
    reason = ""
    for cycle in reversed(store.card.cycles):
        seen = np.unique(moments % cycle.steps).size
        size = cycle.steps * len(store.card.channels) * store.grid[0] * store.grid[1] * 12
        if seen < cycle.steps:
            reason = f"the training split covers {seen} of the {cycle.steps} steps of a {cycle.name}"
        elif size > LARGEST:
            reason = f"the means of a {cycle.name} of {cycle.steps} steps would take {size / 2**30:.1f} GiB"
        else:
            return cycle, ""
    return None, reason


def train_mean(store: Store, steps: int) -> TrainMean:
    """Average the training frames of ``store`` by phase of a cycle of ``steps``, reading a few frames at a time."""
    shape = (steps, len(store.card.channels), *store.grid)
    total, count = np.zeros(shape), np.zeros(shape, dtype=np.int32)
    frames = train_frames(store)
    phase = ticks(store.times[frames], store.card.step) % steps
    for run in np.split(np.arange(len(frames)), np.flatnonzero(np.diff(frames) != 1) + 1):
        for some in np.split(run, range(CHUNK, len(run), CHUNK)):
            values = store.read(int(frames[some[0]]), int(frames[some[-1]]) + 1)
            valid = ~np.isnan(values)
            for at, frame, known in zip(phase[some], np.where(valid, values, 0.0), valid, strict=True):
                total[at] += frame
                count[at] += known
    return _means(torch.from_numpy(total), torch.from_numpy(count))


def _means(total: Tensor, count: Tensor) -> TrainMean:
    channel = total.sum(dim=(0, 2, 3)) / count.sum(dim=(0, 2, 3))
    overall = total.sum(dim=0) / count.sum(dim=0)
    overall = torch.where(overall.isnan(), channel[:, None, None], overall)
    phases = total / count
    return TrainMean(torch.where(phases.isnan(), overall, phases).float(), overall.float())
