"""What every task must hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from unistd.core.data.prepare import prepare
from unistd.core.data.store import Store
from unistd.core.data.windows import Windows
from unistd.core.task import SPLITS, FrameSequence, Task
from unistd.core.testing import checks


class TaskContract(ABC):
    """Subclass it as ``class TestMine(TaskContract)`` and write ``make``."""

    @abstractmethod
    def make(self) -> Task:
        """Return the task on few and small frames, such as files that the test writes."""

    def _sequences(self) -> list[FrameSequence]:
        return list(self.make().sequences())

    def _store(self, folder: Path) -> Store:
        return prepare(self.make(), folder / "store")

    def test_frames_fit_the_card(self) -> None:
        """Give frames (time, channel, y, x) with the card's channels and one time a frame."""
        channels = len(self.make().card.channels)
        for own in self._sequences():
            shape = tuple(own.frames.shape)
            assert len(shape) == 4, f"frames are (time, channel, y, x), those of '{own.name}' have shape {shape}"
            assert shape[1] == channels, f"the card has {channels} channels, '{own.name}' has {shape[1]}"
            assert shape[0] == len(own.times), f"'{own.name}' has {shape[0]} frames and {len(own.times)} times"

    def test_time_goes_on(self) -> None:
        """Give the frames of a sequence in order, some of them the card's step apart."""
        step = np.timedelta64(*self.make().card.step)  # type: ignore[call-overload]
        months = self.make().card.step[1] == "M"
        for own in self._sequences():
            passed = np.diff(own.times.astype("datetime64[M]") if months else own.times)
            assert (passed > np.timedelta64(0)).all(), f"the times of '{own.name}' do not increase"
            assert not len(passed) or (passed == step).any(), f"no two frames of '{own.name}' are '{step}' apart"

    def test_every_split_has_windows(self, tmp_path: Path) -> None:
        """Leave windows of the card's own T and T' in training, validation and test."""
        store, window = self._store(tmp_path), self.make().card.window
        for split in SPLITS:
            past, future = Windows(store, split, window.past, window.future).read([0])
            sizes = (past.shape[1], future.shape[1])
            assert sizes == (window.past, window.future), f"a window of '{split}' has {sizes} frames"

    def test_normalisation_is_that_of_training(self, tmp_path: Path) -> None:
        """Let the training frames be normalised: to mean 0 by ``standard``, within ``value_range`` by ``range``."""
        store, card = self._store(tmp_path), self.make().card  # the store refuses values outside the range
        if card.normalization == "standard":
            train = store.decode(store.spans(np.flatnonzero(store.split == 0), 1)[0])
            offset, scale = (np.asarray(each)[:, None, None] for each in (store.offset, store.scale))
            mean = np.abs(np.nanmean((train - offset) / scale, axis=(0, 2, 3))).max()
            assert mean < 1e-2, f"normalised training frames have a mean of {mean}"

    def test_same_frames_twice(self) -> None:
        """Give the same frames each time."""
        for own, again in zip(self._sequences(), self._sequences(), strict=True):
            frames, others = np.asarray(own.frames), np.asarray(again.frames)
            same = np.array_equal(frames, others, equal_nan=frames.dtype.kind == "f")
            assert same, f"the frames of '{own.name}' differ from one reading to the next"

    def test_no_global_random_state(self) -> None:
        """Draw no number from the global generators."""
        checks.require_no_global_random(self._sequences)
