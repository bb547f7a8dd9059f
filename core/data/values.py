"""What is wrong with the values of a store, by what its card declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.finding import AGAIN, Finding, frame_label, named
from unistd.core.data.moments import Moments
from unistd.core.data.store import Store
from unistd.core.task import SPLITS

_APART = 1e-3  # of the scale: more than the order of a sum explains
_CREDIBLE = {  # of a quantity itself, in its unit; a difference of two may be anything
    "K": (100.0, 400.0),
    "degC": (-150.0, 150.0),
    "kg kg-1": (0.0, 1.0),
    "g kg-1": (0.0, 1000.0),
    "Pa": (0.0, 120_000.0),
    "hPa": (0.0, 1200.0),
}


class _Outside(NamedTuple):
    """Frames with a value beyond the card's range, and the first such value."""

    frames: list[int]
    value: float
    y: int
    x: int


class Values:
    """Sums up the physical values of ``store`` as its frames are read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._moments: dict[int, Moments] = {}
        self._outside: dict[int, _Outside] = {}
        self._known: list[NDArray[np.int64]] = []

    def add(self, start: int, frames: NDArray[np.float32]) -> None:
        """Take in ``frames`` (t, C, H, W), the first of which is frame ``start`` of the store."""
        self._known.append((~np.isnan(frames)).sum((2, 3)))
        splits = self._store.split[start : start + len(frames)]
        for split in np.unique(splits).tolist():
            part = Moments.of(frames[splits == split])
            self._moments[split] = self._moments[split] + part if split in self._moments else part
        self._look_outside(start, frames)

    def _look_outside(self, start: int, frames: NDArray[np.float32]) -> None:
        low, high = self._store.card.value_range or (-np.inf, np.inf)
        slack = 1e-5 * (high - low) if self._store.card.value_range else 0.0  # of values that were packed as integers
        bad = (frames < low - slack) | (frames > high + slack) | np.isinf(frames)
        for channel in np.flatnonzero(bad.any((0, 2, 3))).tolist():
            own = bad[:, channel]
            at, y, x = (int(place) for place in np.argwhere(own)[0])
            first = _Outside([], float(frames[at, channel, y, x]), y, x)
            held = self._outside.setdefault(channel, first)
            held.frames.extend((start + np.flatnonzero(own.any((1, 2)))).tolist())

    def findings(self) -> Iterator[Finding]:
        """Give what the card rules out, what cannot be learned from, and what a unit makes unlikely."""
        yield from self._ranges()
        yield from self._missing()
        yield from self._constant()
        yield from self._normalization()
        yield from self._units()

    def _ranges(self) -> Iterator[Finding]:
        card = self._store.card
        low, high = card.value_range or (-np.inf, np.inf)
        for channel, seen in sorted(self._outside.items()):
            where = f"frame {frame_label(self._store, seen.frames[0])}, y {seen.y}, x {seen.x}"
            what = f"channel '{card.channels[channel].name}' has the value '{seen.value:g}' at {where}"
            rest = f"; {len(seen.frames)} frames hold a value outside {low:g} to {high:g}, the card's value_range"
            if card.value_range is None:
                rest = f"; {len(seen.frames)} frames hold an infinite value"
            yield Finding("problem", what + rest, AGAIN)

    def _missing(self) -> Iterator[Finding]:
        store, known = self._store, np.concatenate(self._known)
        wrong = np.flatnonzero(known.sum(1) != store.valid)
        if len(wrong):
            count, first = f"{known[wrong[0]].sum()}", f"{store.valid[wrong[0]]}"
            what = f"{len(wrong)} frames hold another number of values than was written, such as '{count}' for {first}"
            yield Finding("problem", f"{what}: {named(store, wrong)}", AGAIN)
        size = store.grid[0] * store.grid[1]
        gaps = known < size
        if store.card.missing == "error":
            for channel in np.flatnonzero(gaps.any(0)).tolist():
                frames, name = np.flatnonzero(gaps[:, channel]), store.card.channels[channel].name
                what = f"channel '{name}' misses values in {len(frames)} frames, its card says missing: error"
                yield Finding("problem", f"{what}: {named(store, frames)}", AGAIN)
        elif not gaps.any():
            help_ = "missing: error would stop at the first value that goes missing"
            yield Finding("note", "no value is missing, the card says missing: mask", help_)
        else:
            yield from self._shares(1 - known / size)
        empty = np.flatnonzero(known.sum(1) == 0)
        if len(empty):
            yield Finding("note", f"{len(empty)} frames have no value at all: {named(store, empty)}")

    def _shares(self, missing: NDArray[np.float64]) -> Iterator[Finding]:
        """Tell the shares that are missing, channels with the same ones together."""
        told: dict[str, list[str]] = {}
        for channel, share in zip(self._store.card.channels, missing.T, strict=True):
            by_split = [f"{name} {share[self._store.split == i].mean():.2%}" for i, name in enumerate(SPLITS)]
            if share.any():
                told.setdefault(f"{share.mean():.2%} of all values ({', '.join(by_split)})", []).append(channel.name)
        for shares, names in told.items():
            yield Finding("note", f"missing in channel '{', '.join(names)}': {shares}")

    def _constant(self) -> Iterator[Finding]:
        told: dict[str, list[str]] = {}
        for split, seen in sorted(self._moments.items()):
            for channel, count, low, high in zip(
                self._store.card.channels, seen.count, seen.low, seen.high, strict=True
            ):
                if not count or low == high:
                    how = f"is '{low:g}' everywhere" if count else "is missing everywhere"
                    told.setdefault(f"{how} in split '{SPLITS[split]}'", []).append(channel.name)
        for what, names in told.items():
            help_ = "leave the channel out, or divide the frames into splits another way"
            yield Finding("problem", f"channel '{', '.join(names)}' {what}", help_)

    def _normalization(self) -> Iterator[Finding]:
        store, train = self._store, self._moments.get(SPLITS.index("train"))
        if store.card.normalization != "standard" or train is None:
            return
        scale = np.sqrt(train.squares / np.maximum(train.count, 1))
        for i, channel in enumerate(store.card.channels):
            wanted, is_ = (train.mean[i], scale[i]), (float(store.offset[i]), float(store.scale[i]))
            if not np.allclose(is_, wanted, rtol=0, atol=_APART * max(scale[i], 1e-30) + 1e-6 * abs(train.mean[i])):
                what = f"normalisation of channel '{channel.name}' is offset '{is_[0]:g}' and scale '{is_[1]:g}'"
                yield Finding("problem", f"{what}, the training split has {wanted[0]:g} and {wanted[1]:g}", AGAIN)

    def _units(self) -> Iterator[Finding]:
        for i, channel in enumerate(self._store.card.channels):
            known = [seen for seen in self._moments.values() if seen.count[i]]
            low, high = _CREDIBLE.get(channel.unit, (-np.inf, np.inf))
            least, most = (f(getattr(seen, end)[i] for seen in known) for f, end in ((min, "low"), (max, "high")))
            if least < low or most > high:
                what = f"channel '{channel.name}' is in '{channel.unit}' and reaches from {least:g} to {most:g}"
                help_ = "see that the card names the unit the values are in; a difference of two values may be so"
                yield Finding("note", what, help_)
