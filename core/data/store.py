"""A task's frames on disk, as every part of the program reads them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr
from numpy.typing import NDArray

from unistd.core.data.card_json import card_from_json, card_to_json
from unistd.core.data.zarr_heads import check_heads
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, TaskCard
from unistd.core.untrusted import check_room, check_size

FORMAT = 1
_AGAIN = "remove the folder and prepare it again"
_PREPARE = "unistd.core.data.prepare writes one; a spec's task has its folder under 'store'"
# What the frames mean depends on these fields of the card and on no other.
_MEANING = (
    *("name", "version", "channels", "step", "missing", "normalization"),
    *("value_range", "scale_factor", "add_offset", "fill_value", "protocol", "stride", "embargo"),
)

Coordinate = tuple[NDArray[np.float64], dict[str, Any]]

Region = tuple[slice, slice]
"""Rows and columns of a grid."""
WHOLE: Region = (slice(None), slice(None))


class Store:
    """One zarr v3 group: ``frames`` (time, channel, y, x) in the source's type, with what is known of each frame.

    Made by ``open``; reading is safe from several threads and in a forked process. Pickled for another process, it is
    opened there anew, and reads from disk.

    Attributes:
        path: The folder.
        card: The card the frames were written under.
        times: (time,) datetime64[ms].
        sequence: (time,) int32, another number after each end of a sequence and each gap in time.
        split: (time,) int8, index into ``SPLITS``.
        valid: (time,) int64, values of the frame that are not missing.
        grid: (H, W).
        y, x: Coordinates with their attributes, or ``None``.
        offset, scale: (C,) float32; normalised = (physical − offset) ÷ scale, fitted on the training split.
        packed: Whether frames, as they are stored or held, are not yet physical values but for their type.
        digest: Hash of all content, made when it was written.
        source_files: Checksum of each raw file, or of a folder of many.
    """

    def __init__(self, path: Path, group: zarr.Group, facts: dict[str, Any]) -> None:
        self.path = path
        self._card: dict[str, Any] = facts["card"]
        self.card = card_from_json(facts["card"])
        self._frames = _array(group, "frames")
        self._held: NDArray[Any] | None = None
        self.packed = decoding(self.card) != (False, False, False)
        self.grid: tuple[int, int] = (self._frames.shape[2], self._frames.shape[3])
        self.times = _values(group, "time").astype("datetime64[ms]")
        self.sequence = _values(group, "sequence")
        self.split = _values(group, "split")
        self.valid = _values(group, "valid")
        self.y, self.x = _coordinate(group, "y"), _coordinate(group, "x")
        self.offset = np.asarray(facts["normalization"]["offset"], np.float32)
        self.scale = np.asarray(facts["normalization"]["scale"], np.float32)
        self.digest: str = facts["digest"]
        self.source_files: dict[str, str] = facts["source_files"]
        self._check()

    def _check(self) -> None:
        """See that all that is known of the frames is known of each of them, and by the card."""
        shape, count = self._frames.shape, len(self._frames.shape) and self._frames.shape[0]
        channels, values = len(self.card.channels), math.prod(shape[1:])
        splits = bool(count) and 0 <= self.split.min() <= self.split.max() < len(SPLITS)
        fill = self.card.fill_value
        axes = ((self.y, 2), (self.x, 3))
        for fits, what in (
            (len(shape) == 4 and 0 not in shape and shape[1] == channels, f"frames of shape '{shape}'"),
            (self._frames.dtype.kind in "iuf", f"frames of type '{self._frames.dtype}'"),
            (_holds(self._frames.dtype, fill), f"the fill_value '{fill}' of frames of type {self._frames.dtype}"),
            (all(known.shape == (count,) for known in (self.times, self.sequence, self.split, self.valid)), "times"),
            (all(own.dtype.kind in "iu" for own in (self.sequence, self.split, self.valid)), "types of what is known"),
            (splits, "splits"),
            (bool(count) and 0 <= self.valid.min() <= self.valid.max() <= values, "counts of valid values"),
            (self.offset.shape == self.scale.shape == (channels,), "normalisation"),
            (bool(np.isfinite(self.offset).all() and np.isfinite(self.scale).all() and self.scale.all()), "scale"),
            (all(own is None or own[0].shape == shape[axis : axis + 1] for own, axis in axes), "coordinates"),
            (type(self.digest) is str and isinstance(self.source_files, dict), "digest"),
        ):
            if not fits:
                raise ValueError(f"its {what} do not fit the rest")

    @classmethod
    def open(cls, path: Path, card: TaskCard | None = None, options: Mapping[str, object] | None = None) -> Store:
        """Open the store at ``path``; with ``card``, only if its frames mean what the card says.

        With ``options``, the task's own, only if it was made with the same.

        Raises:
            DataError: It is not there, no store, not whole, or of another format, task or protocol version.
        """
        group = _group(path)
        facts: Any = group.attrs.get("unistd")  # written last, so a store that was cut short has none
        if not isinstance(facts, dict):
            what = "is a half-written store" if "frames" in group else "is not a store"
            raise DataError(f"'{path.name}' {what}", where=str(path), help=_AGAIN if "frames" in group else _PREPARE)
        if facts.get("format") != FORMAT:
            message = f"store format is '{facts.get('format')}', this unistd reads '{FORMAT}'"
            raise DataError(message, where=str(path), help=_AGAIN)
        if (size := stored_bytes(path)) != facts.get("bytes"):
            message = f"store is not whole: {size} bytes of its {facts.get('bytes')} are there"
            raise DataError(message, where=str(path), help=_AGAIN)
        try:
            store = cls(path, group, facts)
        except DataError:
            raise
        except Exception as error:  # what is damaged or made up leads to anything
            message = f"what the store says of itself makes no sense: {type(error).__name__}: {error}"
            raise DataError(message, where=str(path), help=_AGAIN) from error
        if card is not None:
            _check_card(store, card)
            store.card = card  # what does not change the frames, such as cycles, is as it is declared today
        if options is not None:
            _check_options(path, facts.get("options") or {}, options)
        return store

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self.path.absolute(), self.card)

    def __len__(self) -> int:
        return self._frames.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all frames in memory, in the source's type."""
        return self._frames.nbytes

    @property
    def nbytes_unpacked(self) -> int:
        """Bytes of all frames in memory in physical units."""
        return 4 * self._frames.size

    def hold(self) -> None:
        """Keep all frames in memory from now on, in the source's type."""
        if self._held is None:
            self._held = self._load(0, len(self))

    def unpack(self) -> None:
        """Keep all frames in memory in physical units from now on, which spares the arithmetic at each reading."""
        self.hold()
        if not self.packed:
            return
        raw = cast(NDArray[Any], self._held)
        physical = np.empty(raw.shape, np.float32)
        step = (self._frames.shards or self._frames.chunks)[0]  # as physical values take up to eight times the room
        for start in range(0, len(self), step):
            physical[start : start + step] = self.decode(raw[start : start + step])
        self._held, self.packed = physical, False

    @property
    def held(self) -> bool:
        """Whether all frames are in memory."""
        return self._held is not None

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return frames ``start`` to ``stop`` (t, C, H, W) in physical units, NaN where missing.

        Raises:
            DataError: The files on disk are damaged.
        """
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"frames {start} to {stop} of a store of {len(self)}")
        return self.decode(self._load(start, stop) if self._held is None else self._held[start:stop])

    def spans(
        self, starts: NDArray[np.int64], length: int, region: Region = WHOLE
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return frames, for ``decode``, that hold all spans of ``length``, and where in them each of ``starts`` is.

        Each frame is read once, however many spans it lies in; frames in memory are given as they are held. Of a
        ``region`` of rows and columns no more than that is read or kept.
        """
        if self._held is not None:
            return self._held[:, :, *region], starts
        unique = np.unique(starts)
        runs = np.split(unique, np.flatnonzero(np.diff(unique) > length) + 1)
        raw = [self._load(int(run[0]), int(run[-1]) + length, region) for run in runs]
        first = np.array([run[0] for run in runs])
        base = np.cumsum([0] + [len(part) for part in raw[:-1]])
        run_of = np.searchsorted(first, starts, side="right") - 1
        return np.concatenate(raw) if len(raw) > 1 else raw[0], base[run_of] + starts - first[run_of]

    def shards(self) -> Iterator[NDArray[Any]]:
        """Give all raw frames, a shard at a time."""
        step = (self._frames.shards or self._frames.chunks)[0]
        for start in range(0, len(self), step):
            yield self._load(start, min(start + step, len(self)))

    def hash_of_facts(self) -> Any:
        """Return the hash that ``digest`` is made of, before the shards."""
        return hash_of_facts(self._card, self.times.astype(np.int64), self.sequence, self.split)

    def decode(self, frames: NDArray[Any]) -> NDArray[np.float32]:
        """Return ``frames``, as ``spans`` gives them, in physical units, NaN where missing."""
        return decode(frames, self.card) if self.packed else frames.astype(np.float32, copy=False)

    def _load(self, start: int, stop: int, region: Region = WHOLE) -> NDArray[Any]:
        try:
            if region == WHOLE:
                return np.asarray(self._frames[start:stop])
            # One frame at a time: each is whole until the region is cut out of it.
            return np.concatenate([self._frames[at : at + 1, :, *region] for at in range(start, stop)])
        except Exception as error:  # damaged chunks lead to anything
            message = f"frames {start} to {stop} cannot be read: {error}"
            raise DataError(message, where=str(self.path), help=_AGAIN) from error


def _reopened(path: Path, card: TaskCard) -> Store:
    store = Store.open(path)
    store.card = card
    return store


def hash_of_facts(card: Mapping[str, Any], *facts: NDArray[Any]) -> Any:
    """Return a hash, to be added to, of a card as JSON and of what is known of each frame."""
    whole = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for part in facts:
        whole.update(part.tobytes())
    return whole


def decode(raw: NDArray[Any], card: TaskCard) -> NDArray[np.float32]:
    """Return ``raw`` in physical units: raw · scale_factor + add_offset, NaN for fill_value (CF convention)."""
    wide = np.result_type(raw.dtype, np.float32)  # what float32 cannot hold stays float64 until it is scaled
    scaled, shifted, masked = decoding(card)
    if not (scaled or shifted or masked):
        return raw.astype(np.float32, copy=False)
    with np.errstate(over="ignore"):  # an infinite value is refused where a store is written
        values = np.multiply(raw, wide.type(card.scale_factor), dtype=wide)
        if shifted:
            values += wide.type(card.add_offset)
        if masked:
            values[raw == raw.dtype.type(card.fill_value)] = np.nan
        return np.asarray(values, np.float32)


def decoding(card: TaskCard) -> tuple[bool, bool, bool]:
    """Return whether stored values have to be scaled, shifted and masked to be physical ones."""
    masked = card.fill_value is not None and not np.isnan(card.fill_value)
    return card.scale_factor != 1, card.add_offset != 0, masked


def stored_bytes(path: Path) -> int:
    """Return the bytes of all arrays of the store at ``path``; files beside them do not count."""
    files = (file for array in path.iterdir() if array.is_dir() for file in array.rglob("*"))
    return sum(file.stat().st_size for file in files if file.is_file() and not file.name.startswith("."))


def _check_options(path: Path, have: Mapping[str, object], want: Mapping[str, object]) -> None:
    for name in sorted(have.keys() | want.keys()):
        if have.get(name) != want.get(name):
            message = f"the store was made with {name} '{have.get(name)}', asked for is '{want.get(name)}'"
            raise DataError(message, where=str(path), help="name another store, or " + _AGAIN)


def _group(path: Path) -> zarr.Group:
    if not path.exists():
        raise DataError(f"there is no store '{path.name}'", where=str(path), help=_PREPARE)
    try:
        check_heads(path)
        return zarr.open_group(path, mode="r", zarr_format=3, use_consolidated=False)
    except DataError:
        raise
    except Exception as error:  # whatever a damaged zarr.json leads to
        raise DataError(f"'{path.name}' is not a store: {error}", where=str(path), help=_PREPARE) from error


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise DataError(f"'{name}' is not an array", where=str(group.store_path), help=_AGAIN)
    return array


def _values(group: zarr.Group, name: str) -> NDArray[Any]:
    array = _array(group, name)
    path = Path(str(group.store.root), name)  # type: ignore[attr-defined]  # a folder's store
    stored = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    check_room(check_size(array.shape, array.dtype.itemsize, stored, path, f"'{name}'"), path, f"'{name}'")
    return np.asarray(array[:])


def _holds(dtype: np.dtype[Any], fill: float | None) -> bool:
    """Tell whether a value of type ``dtype`` can be the card's ``fill``."""
    if fill is None or dtype.kind == "f":
        return True
    return fill == fill // 1 and np.iinfo(dtype).min <= fill <= np.iinfo(dtype).max


def _coordinate(group: zarr.Group, name: str) -> Coordinate | None:
    return (_values(group, name), dict(_array(group, name).attrs)) if name in group else None


def _check_card(store: Store, card: TaskCard) -> None:
    have, want = card_to_json(store.card), card_to_json(card)
    for field in _MEANING:
        if have[field] != want[field]:
            what = (
                f" and differs in '{field}': '{have[field]}', not '{want[field]}'" if field not in _MEANING[:2] else ""
            )
            message = (
                f"store holds task '{store.card.name}' version '{store.card.version}', "
                f"asked for is '{card.name}' version '{card.version}'{what}"
            )
            raise DataError(message, where=str(store.path), help="name another store, or " + _AGAIN)
