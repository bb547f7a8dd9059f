"""What is known of each frame before it is read, checked as the sequences come."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.checksum import size_and_time
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, FrameSequence, TaskCard

_UNITS = ("ms", "s", "m", "h", "D", "M")


class Ledger:
    """Times, sequence numbers and splits of all frames so far, and the one shape and type that all of them have.

    Attributes:
        card: The task's.
        names: Of the sequences.
        files: Size and time of change of each raw file.
    """

    def __init__(self, card: TaskCard) -> None:
        self.card = card
        self._first: FrameSequence | None = None
        self.names: list[str] = []
        self.files: dict[str, tuple[int, int]] = {}
        self._starts = [0]
        self._times: list[NDArray[np.int64]] = []
        self._sequence: list[NDArray[np.int32]] = []
        self._split: list[NDArray[np.int8]] = []
        self._stamps: list[str] = []
        self._number = 0

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def times(self) -> NDArray[np.int64]:
        """Milliseconds since 1970 of each frame."""
        return np.concatenate(self._times)

    @property
    def sequence(self) -> NDArray[np.int32]:
        """Another number after each end of a sequence and each gap."""
        return np.concatenate(self._sequence)

    @property
    def split(self) -> NDArray[np.int8]:
        """Index into ``SPLITS`` of each frame."""
        return np.concatenate(self._split)

    def admit(self, sequence: FrameSequence) -> None:
        """Take in ``sequence``.

        Raises:
            DataError: Its frames, times, split or coordinates do not fit the card or the sequences before, or one of
                its raw files is not there.
        """
        check_frames(sequence, self.card, self._first or sequence)
        times = _times(sequence)
        split = _split(sequence)
        pieces = np.concatenate([[0], np.cumsum(~_follows(times, self.card.step))])
        self._times.append(times.astype("datetime64[ms]").astype(np.int64))
        self._sequence.append((self._number + pieces).astype(np.int32))
        self._split.append(split)
        self._number += int(pieces[-1]) + 1
        self._starts.append(len(self) + len(times))
        self.names.append(sequence.name)
        self._stamps.append(self._stamp(sequence))
        if self._first is None:
            self._first = sequence

    def _stamp(self, sequence: FrameSequence) -> str:
        for file in sequence.files:
            if file not in self.files:
                self.files[file] = _size_and_time(file, sequence.name)
        files = [(Path(file).name, *self.files[file]) for file in sequence.files]
        return hashlib.sha256(repr((sequence.name, files)).encode()).hexdigest()

    def training(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Tell which of the frames from ``start`` up to ``stop`` are for training."""
        first, last = self._sequences(start, stop)
        split, offset = np.concatenate(self._split[first:last]), self._starts[first]
        return np.equal(split[start - offset : stop - offset], SPLITS.index("train"))

    def key(self, start: int, stop: int) -> str:
        """Return what the frames from ``start`` up to ``stop`` are known by: raw files, place in them and split."""
        first, last = self._sequences(start, stop)
        places = [(self._stamps[number], self._starts[number] - start) for number in range(first, last)]
        return hashlib.sha256(repr(places).encode() + self.training(start, stop).tobytes()).hexdigest()

    def _sequences(self, start: int, stop: int) -> tuple[int, int]:
        return bisect_right(self._starts, start) - 1, bisect_right(self._starts, stop - 1)

    def check_splits(self) -> None:
        """See that every split has frames.

        Raises:
            DataError: One has none, or there is no frame at all.
        """
        if not len(self):
            raise DataError(f"task '{self.card.name}' gives no sequence of frames")
        counts = np.bincount(self.split, minlength=len(SPLITS))
        for name, count in zip(SPLITS, counts, strict=True):
            if not count:
                have = ", ".join(f"{n}: {c} frames" for n, c in zip(SPLITS, counts, strict=True))
                advice = "learning, choosing the model and the final score each need frames of their own"
                raise DataError(f"split '{name}' of task '{self.card.name}' is empty ({have})", help=advice)

    def locate(self, frame: int) -> str:
        """Say which sequence and time ``frame`` is of."""
        number = bisect_right(self._starts, frame) - 1
        inside = frame - self._starts[number]
        time = self._times[number][inside].astype("datetime64[ms]")
        return f"{self.names[number]}, frame {inside} ({time})"


def _size_and_time(file: str, where: str) -> tuple[int, int]:
    try:
        return size_and_time(Path(file))
    except FileNotFoundError as error:
        raise DataError(f"there is no raw file '{file}'", where=where) from error


def check_card(card: TaskCard) -> None:
    """See that a card can be followed at all.

    Raises:
        DataError: Its step, stride, value range or scale factor makes no sense.
    """
    count, unit = card.step
    if unit not in _UNITS or count < 1:
        raise DataError(
            f"step '{count} {unit}' of task '{card.name}' is no time step", help="units: " + ", ".join(_UNITS)
        )
    if len(card.stride) != len(SPLITS) or min(card.stride) < 1:
        raise DataError(
            f"stride '{card.stride}' of task '{card.name}' is not one count of frames, 1 or more, for each split"
        )
    if card.normalization == "range" and card.value_range is None:
        raise DataError(f"task '{card.name}' is normalised by 'range' but its card has no value_range")
    if card.value_range is not None and not card.value_range[0] < card.value_range[1]:
        raise DataError(f"value_range '{card.value_range}' of task '{card.name}' is empty")
    if card.scale_factor == 0:
        raise DataError(f"scale_factor of task '{card.name}' is '0.0': every value would be the same")


def check_frames(sequence: FrameSequence, card: TaskCard, first: FrameSequence) -> None:
    """See that the frames of ``sequence`` fit ``card`` and the ``first`` sequence.

    Raises:
        DataError: They do not.
    """
    frames, want = sequence.frames, first.frames
    if frames.ndim != 4 or 0 in frames.shape:
        raise _misfit(sequence, f"shape '{frames.shape}' is not (time, channel, y, x) with something on each axis")
    if frames.shape[1] != len(card.channels):
        names = ", ".join(channel.name for channel in card.channels)
        raise _misfit(sequence, f"'{frames.shape[1]}' channels, the card has {len(card.channels)}: {names}")
    if frames.shape[2:] != want.shape[2:]:
        raise _misfit(sequence, f"grid '{frames.shape[2:]}', sequence '{first.name}' has {want.shape[2:]}")
    if frames.dtype.newbyteorder("=") != want.dtype.newbyteorder("="):
        raise _misfit(sequence, f"type '{frames.dtype}', sequence '{first.name}' has {want.dtype}")
    if frames.dtype.kind not in "iuf":
        raise _misfit(sequence, f"type '{frames.dtype}' is neither integer nor floating point")
    _check_fill(sequence, card)
    for axis, length in (("y", frames.shape[2]), ("x", frames.shape[3])):
        _check_coordinate(sequence, first, axis, length)


def _check_fill(sequence: FrameSequence, card: TaskCard) -> None:
    dtype, fill = sequence.frames.dtype, card.fill_value
    if fill is None or dtype.kind == "f":
        return
    if not (np.iinfo(dtype).min <= fill <= np.iinfo(dtype).max and fill == int(fill)):
        raise _misfit(sequence, f"type '{dtype}' cannot hold the card's fill_value {fill}")


def _check_coordinate(sequence: FrameSequence, first: FrameSequence, axis: str, length: int) -> None:
    mine, its = getattr(sequence, axis), getattr(first, axis)
    if mine is not None and len(mine[0]) != length:
        raise _misfit(sequence, f"'{len(mine[0])}' values of coordinate {axis}, the grid has {length}")
    if (mine is None) != (its is None) or (mine is not None and not np.array_equal(mine[0], its[0])):
        raise _misfit(sequence, f"coordinate '{axis}' is not that of sequence '{first.name}'")


def _misfit(sequence: FrameSequence, what: str) -> DataError:
    return DataError(f"frames do not fit: {what}", where=sequence.name)


def _times(sequence: FrameSequence) -> NDArray[np.datetime64]:
    times = np.asarray(sequence.times)
    if times.shape != (len(sequence.frames),) or times.dtype.kind != "M":
        message = f"{len(sequence.frames)} frames have times of shape '{times.shape}' and type '{times.dtype}'"
        raise DataError(message, where=sequence.name, help="give one datetime64 per frame")
    if np.isnat(times).any():
        raise DataError(f"frame {int(np.isnat(times).argmax())} has no time", where=sequence.name)
    times = times.astype("datetime64[ms]")
    late = np.diff(times) <= np.timedelta64(0, "ms")
    if late.any():
        at = int(late.argmax())
        message = f"times do not increase: frame {at + 1} has '{times[at + 1]}' after '{times[at]}'"
        raise DataError(message, where=sequence.name, help="sort the frames by time and keep one of each")
    return times


def _split(sequence: FrameSequence) -> NDArray[np.int8]:
    names = np.asarray(sequence.split)
    names = np.full(len(sequence.frames), names) if names.ndim == 0 else names
    if names.shape != (len(sequence.frames),):
        raise DataError(f"{len(sequence.frames)} frames have '{names.shape}' splits", where=sequence.name)
    unknown = sorted(set(np.unique(names).tolist()) - set(SPLITS))
    if unknown:
        raise DataError(f"unknown split '{unknown[0]}'", where=sequence.name, help="splits: " + ", ".join(SPLITS))
    return np.select([names == name for name in SPLITS], range(len(SPLITS))).astype(np.int8)


def _follows(times: NDArray[np.datetime64], step: tuple[int, str]) -> NDArray[np.bool_]:
    """Tell for each frame but the first whether it is one step after the one before; months are calendar months."""
    count, unit = step
    if unit == "M":
        return np.asarray(np.diff(times.astype("datetime64[M]").astype(np.int64)) == count)
    return np.asarray(np.diff(times) == np.timedelta64(count, unit).astype("timedelta64[ms]"))  # type: ignore[call-overload]
