"""Which runs of frames a model may see: never across a sequence's end, a gap in time or a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unistd.core.data.store import Store
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Split

SEQUENCE_END = "sequence end or gap in time"
SPLIT_END = "end of the split"
EMBARGO = "embargo after another split"
STRIDE = "between two starts of the protocol"
NO_TARGET = "no valid value to forecast"


class Windows:
    """All windows of ``past`` + ``future`` frames of one split.

    Where a sequence goes on across a split boundary, the first ``past`` + ``future`` frames of the later split are not
    used, so that no window resembles one of the other split only for lying next to it; the card can say otherwise.

    Attributes:
        starts: (n,) int64, index in the store of each window's first past frame.
        dropped: For each reason, how many frames of the split begin no window.

    Raises:
        DataError: There is no window; says why.
    """

    def __init__(self, store: Store, split: Split, past: int, future: int) -> None:
        self.store, self.split, self.past, self.future = store, split, past, future
        length = past + future
        self.dropped = dict.fromkeys((SEQUENCE_END, SPLIT_END, EMBARGO, STRIDE, NO_TARGET), 0)
        stride = store.card.stride[SPLITS.index(split)]
        parts, longest = [np.empty(0, np.int64)], 0
        for run in _runs(store, SPLITS.index(split)):
            held_back = length if run.continues and store.card.embargo else 0
            first = run.start + min(held_back, run.stop - run.start)
            end = max(first, run.stop - length + 1)
            parts.append(np.arange(first, end, stride, dtype=np.int64))
            longest = max(longest, run.stop - first)
            self.dropped[EMBARGO] += first - run.start
            self.dropped[STRIDE] += end - first - len(parts[-1])
            self.dropped[SPLIT_END if run.continued else SEQUENCE_END] += run.stop - end
        starts = np.concatenate(parts)
        seen = np.concatenate([[0], np.cumsum(store.valid)])
        has_target = seen[starts + length] > seen[starts + past]
        self.dropped[NO_TARGET] = int((~has_target).sum())
        self.starts = starts[has_target]
        if not len(self.starts):
            raise self._none(longest)

    def __len__(self) -> int:
        return len(self.starts)

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return past (B, T, C, H, W) and future (B, T', C, H, W) of ``indices``: physical units, NaN is missing."""
        starts = self.starts[np.asarray(indices)]
        raw, at = self.store.spans(starts, self.past + self.future)
        past = self.store.decode(raw[at[:, None] + np.arange(self.past)])
        future = self.store.decode(raw[at[:, None] + np.arange(self.past, self.past + self.future)])
        return torch.from_numpy(past), torch.from_numpy(future)

    def _none(self, longest: int) -> DataError:
        card, length = self.store.card, self.past + self.future
        frames = int((self.store.split == SPLITS.index(self.split)).sum())
        reasons = ", ".join(f"{reason}: {n}" for reason, n in self.dropped.items() if n)
        message = (
            f"split '{self.split}' of task '{card.name}' gives no window: it has {frames} frames,"
            f" the longest usable run is {longest}, a window needs {length} ({self.past} past + {self.future} future);"
            f" frames dropped: {reasons}"
        )
        step = f"{card.step[0]} {card.step[1]}"
        advice = f"ask for a shorter window, or see whether the frames really are '{step}' apart"
        return DataError(message, where=str(self.store.path), help=advice)


class _Run(NamedTuple):
    start: int
    stop: int
    continues: bool  # the frame before is of the same sequence, in another split
    continued: bool  # the frame after is


def _runs(store: Store, split: int) -> Iterator[_Run]:
    same = np.diff(store.sequence) == 0
    edges = np.flatnonzero(~same | (np.diff(store.split) != 0)) + 1
    for start, stop in pairwise([0, *edges.tolist(), len(store)]):
        if store.split[start] == split:
            yield _Run(start, stop, start > 0 and bool(same[start - 1]), stop < len(store) and bool(same[stop - 1]))
