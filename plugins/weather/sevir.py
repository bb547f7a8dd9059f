"""Storms over the United States, SEVIR: vertically integrated liquid (VIL)."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import dask.array as da
import h5py
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

from unistd.core.data.hdf5 import check_self_contained
from unistd.core.data.npy import map_npy
from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Channel, FrameSequence, Protocol, Split, Task, TaskCard, Window

FRAMES, SIDE = 49, 384
MISSING = 255
VAL, TEST = np.datetime64("2019-01-01T00:00", "m"), np.datetime64("2019-06-01T00:00", "m")
EVENT = np.timedelta64(240, "m")  # an event is 4 hours, with its catalogue's time in the middle
COLUMNS = ("id", "file_name", "file_index", "img_type", "time_utc", "pct_missing")
EPOCH = np.datetime64("1970-01-01T00:00", "m")

UNISTD = TaskCard(
    name="sevir",
    discipline="weather",
    version="1",
    channels=(Channel(name="vertically_integrated_liquid", unit="1"),),
    step=(5, "m"),
    window=Window(past=13, future=12),
    missing="mask",
    normalization="range",
    value_range=(0.0, 255.0),
    fill_value=MISSING,
    protocol="unistd",
    stride=(12, 12, 12),
    source="registry.opendata.aws/sevir: s3://sevir/CATALOG.csv and s3://sevir/data/vil, no sign-in",
    licence="see registry.opendata.aws/sevir; cite Veillette, Samsi and Mattioli, NeurIPS 2020",
    size="18,979 events of 49 frames, 137 GB as bytes",
)
CARDS = {
    "unistd": UNISTD,
    "earthformer": replace(UNISTD, protocol="earthformer", missing="error", fill_value=None),
    "predbench": replace(UNISTD, protocol="predbench", missing="error", fill_value=None),
}


class Event(NamedTuple):
    """One storm: where in which file it is, when, and its split."""

    name: str
    path: Path
    row: int
    time: np.datetime64
    split: Split


class Sevir(Task):
    """Storms of 4 hours on 384×384 pixels of 1 km, one frame each 5 minutes; VIL in SEVIR's own bytes, 0 to 254.

    In kg m⁻² a byte X is 0 up to 5, (X − 2) ÷ 90.66 up to 18, and exp((X − 83.9) ÷ 38.9) beyond; scores are in bytes,
    as the benchmarks' are.

    Args:
        root: Folder of ``CATALOG.csv`` and ``data/vil``; for ``predbench`` of its folders ``train``, ``val`` and
            ``test`` with one ``.npy`` an event.
        protocol: Name of one of ``protocols``.
    """

    protocols = (
        Protocol(
            name="unistd",
            summary="13→12 from frames 0, 12 and 24 of each event with nothing missing; events up to 2019-01-01 "
            "train, up to 2019-06-01 validate, later ones test; bytes ÷ 255; byte 255 is missing.",
            mends="In Earthformer's split a storm at a boundary may be in two splits, as events overlap: here "
            "the first 4 hours after a boundary are left out. A pixel that is missing takes no part "
            "instead of being the heaviest rain.",
        ),
        Protocol(
            name="earthformer",
            summary="The same without that: 13→12 from frames 0, 12 and 24; 11,906, 3,020 and 4,053 events, "
            "35,718, 9,060 and 12,159 windows; bytes ÷ 255, of which 255 is the largest.",
            mends="Events that the catalogue holds twice are left out, as there.",
        ),
        Protocol(
            name="predbench",
            summary="13→12 from frames 0, 12 and 24 of each event in PredBench's folders train, val and test; "
            "bytes ÷ 255.",
            mends="How the events were divided was never published. A damaged file stops with its name, where "
            "PredBench retries for ever.",
        ),
    )

    def __init__(
        self, *, root: Path | None = None, protocol: Literal["unistd", "earthformer", "predbench"] = "unistd"
    ) -> None:
        self.root = root
        self.protocol = protocol

    @property
    def card(self) -> TaskCard:
        """What the frames are under the protocol."""
        return CARDS[self.protocol]

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "sevir")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each event as a lazy sequence of (1, 384, 384) bytes.

        Raises:
            DataError: The catalogue or a file is missing or no such thing; an event is unreadable, when it is computed.
        """
        folder = self.folder()
        if self.protocol == "predbench":
            events, dtype = folder_events(folder), None
            read: Any = read_npy
        else:
            events = catalogue_events(raw_file(folder, "CATALOG.csv"), self.protocol == "unistd")
            read, dtype = read_event, np.dtype(np.uint8)
        for event in events:
            dtype = dtype or read_npy(event, None).dtype
            frames = delayed(partial(read, dtype=dtype))(event)
            yield FrameSequence(
                name=event.name,
                frames=da.from_delayed(frames, (FRAMES, 1, SIDE, SIDE), dtype=dtype),  # type: ignore[no-untyped-call]
                times=event.time - EVENT // 2 + 5 * np.arange(FRAMES),
                split=event.split,
                files=(str(event.path),),
            )


def catalogue_events(path: Path, apart: bool) -> list[Event]:
    """Return the events with complete VIL, in order of time; with ``apart``, none right after a split's end.

    Raises:
        DataError: The catalogue lacks a column or has an entry that is none, or a file that it names is missing.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        absent = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if absent:
            raise DataError(f"no column '{absent[0]}'", where=str(path), help="fetch the file again")
        found = []
        for row in reader:
            if row["img_type"] != "vil":
                continue
            try:
                time, complete = np.datetime64(row["time_utc"], "m"), float(row["pct_missing"]) == 0
                event = Event(row["id"], Path(row["file_name"]), int(row["file_index"]), time, _split(time))
            except (TypeError, ValueError) as error:
                raise DataError(f"line {reader.line_num} is no event: {error}", where=str(path)) from error
            if complete:
                found.append(event)
    times = Counter(event.name for event in found)  # some ids are there twice, with other frames
    events = [event for event in found if times[event.name] == 1 and not (apart and _borders(event.time))]
    files = {file: raw_file(path.parent / "data", str(file)) for file in dict.fromkeys(event.path for event in events)}
    return sorted((event._replace(path=files[event.path]) for event in events), key=lambda e: (e.time, e.name))


def folder_events(folder: Path) -> list[Event]:
    """Return the events of PredBench's three folders, with no time of their own.

    Raises:
        DataError: A folder is missing or empty.
    """
    found = []
    for split in SPLITS:
        paths = sorted(raw_folder(folder / split, split).glob("*.npy"))
        if not paths:
            raise DataError(f"no event, '*.npy', for split '{split}'", where=str(folder / split))
        found += [Event(f"{split}/{path.name}", path, 0, EPOCH + EVENT // 2, split) for path in paths]
    return found


def read_event(event: Event, dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    """Read the frames (49, 1, 384, 384) of one event.

    Raises:
        DataError: The file is damaged, is no file of VIL, or has another event where the catalogue says.
    """
    where = str(event.path)
    try:
        with h5py.File(event.path, "r") as file:
            check_self_contained(file, event.path)
            absent = [key for key in ("id", "vil") if not isinstance(file.get(key), h5py.Dataset)]
            if absent:
                raise DataError(f"no array '{absent[0]}'", where=where, help=f"the file holds {', '.join(file)}")
            ids, vil = file["id"], file["vil"]
            if vil.shape != (len(ids), SIDE, SIDE, FRAMES) or vil.dtype != dtype:
                expected = f"{(len(ids), SIDE, SIDE, FRAMES)} of {dtype}"
                raise DataError(f"'vil' has shape '{vil.shape}' of {vil.dtype} instead of {expected}", where=where)
            name = ids[event.row] if event.row < len(ids) else b"nothing"
            name = name.decode() if isinstance(name, bytes) else str(name)
            if name != event.name:
                raise DataError(f"row {event.row} is event '{name}' instead of {event.name}", where=where)
            frames: NDArray[np.uint8] = vil[event.row]
    except (OSError, RuntimeError, KeyError) as error:
        message = f"event '{event.name}' cannot be read: {error}"
        raise DataError(message, where=where, help="fetch the file again") from error
    return np.moveaxis(frames, -1, 0)[:, None]


def read_npy(event: Event, dtype: np.dtype[Any] | None) -> NDArray[Any]:
    """Read the frames (49, 1, 384, 384) of one of PredBench's files, which holds (1, 384, 384, 49).

    Raises:
        DataError: It is damaged, or of another shape, or of another type than ``dtype``.
    """
    where = str(event.path)
    try:
        frames = map_npy(event.path)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as npy: {error}", where=where, help="fetch the file again") from error
    if frames.shape != (1, SIDE, SIDE, FRAMES) or frames.dtype != (dtype or frames.dtype):
        expected = f"{(1, SIDE, SIDE, FRAMES)} of {dtype or frames.dtype}"
        raise DataError(f"has shape '{frames.shape}' of {frames.dtype} instead of {expected}", where=where)
    return np.moveaxis(frames, -1, 0)


def _split(time: np.datetime64) -> Split:
    return "train" if time <= VAL else "val" if time <= TEST else "test"


def _borders(time: np.datetime64) -> bool:
    return any(start < time <= start + EVENT for start in (VAL, TEST))
