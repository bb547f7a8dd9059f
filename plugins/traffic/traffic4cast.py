"""Traffic in cities as films, Traffic4cast 2021."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import dask.array as da
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Channel, FrameSequence, Protocol, Split, Task, TaskCard, Window
from unistd.core.untrusted import json_value
from unistd.plugins.traffic.config import CITIES
from unistd.plugins.traffic.hdf5 import hdf5_array

SLOTS, GRID, CHANNELS = 288, (495, 436), 8
ROWS, COLUMNS = slice(183, 311), slice(162, 274)  # the middle 128×112 cells, PredBench's crop
# As PredBench names its lists; the slip of the pen is in the name.
LISTS: dict[Split, str] = {
    "train": "traffic4cast2021_train.json",
    "val": "traffic4cast2021_val.json",
    "test": "traiifc4cast2021_test.json",
}
MONDAY = np.datetime64("1970-01-05", "D")
NAME = re.compile(r"(\d{4}-\d\d-\d\d)_([A-Z]+)_8ch\.h5")

UNISTD = TaskCard(
    name="traffic4cast",
    discipline="traffic",
    version="1",
    # The publisher's documents name the four headings in two orders, so they are numbered here.
    channels=tuple(
        Channel(name=f"{what}_{heading}", unit="1") for heading in range(1, 5) for what in ("volume", "speed")
    ),
    step=(5, "m"),
    window=Window(past=9, future=3),
    normalization="range",
    value_range=(0.0, 255.0),
    protocol="unistd",
    stride=(10, 10, 10),
    source="github.com/iarai/NeurIPS2021-traffic4cast (tar files by city); lists for predbench: "
    "github.com/OpenEarthLab/PredBench, data/annotations/traffic4cast2021",
    licence="HERE Technologies sample data, academic and non-commercial use only",
    size="1,601 files of a day in seven cities; 53 GB as bytes once cropped",
)
CARDS = {"unistd": UNISTD, "predbench": replace(UNISTD, protocol="predbench")}


class Day(NamedTuple):
    """One file, and the split its day is of."""

    path: Path
    city: str
    date: np.datetime64
    split: Split


class Traffic4Cast(Task):
    """Volume and mean speed of probe vehicles in four headings on cells of 100 m, in bytes, every 5 minutes.

    Each day of each city is a sequence of its own.

    Args:
        root: Folder with one folder for each city, as unpacked: ``BERLIN/training/2019-01-02_BERLIN_8ch.h5`` and so on;
            and, for ``predbench``, its three lists of files.
        protocol: Name of one of ``protocols``.
        cities: Cities taken.
    """

    protocols = (
        Protocol(
            name="unistd",
            summary="9→3 every 50 minutes of each day, the middle 128×112 cells, bytes ÷ 255; of each city's days"
            " ten weeks in turn are divided, whole weeks from Monday: eight train, the ninth validates, "
            "the tenth tests.",
            mends="PredBench draws single days at random, so that each tested day lies between days trained on:"
            " here whole weeks are tested. A file that is damaged stops with its name, where PredBench "
            "retries for ever.",
        ),
        Protocol(
            name="predbench",
            summary="9→3 every 50 minutes of each day, the middle 128×112 cells, bytes ÷ 255; days as PredBench "
            "lists them: 1,280, 160 and 161 in seven cities, 35,840, 4,480 and 4,508 windows.",
            mends="Every file listed has to be there; PredBench leaves out those that are not and scores the rest.",
        ),
    )

    def __init__(
        self,
        *,
        root: Path | None = None,
        protocol: Literal["unistd", "predbench"] = "unistd",
        cities: Sequence[str] = CITIES,
    ) -> None:
        self.root = root
        self.protocol = protocol
        self.cities = tuple(dict.fromkeys(cities))

    @property
    def card(self) -> TaskCard:
        """What the frames are under the protocol."""
        return CARDS[self.protocol]

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "traffic4cast")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each day as a lazy sequence of (8, 128, 112) bytes.

        Raises:
            DataError: A file is missing, or a city has no day in a split; unreadable, when frames are computed.
        """
        folder = self.folder()
        found = found_days(folder, self.cities) if self.protocol == "unistd" else listed_days(folder, self.cities)
        shape = (SLOTS, CHANNELS, ROWS.stop - ROWS.start, COLUMNS.stop - COLUMNS.start)
        for day in sorted(found, key=lambda day: (self.cities.index(day.city), day.date)):
            yield FrameSequence(
                name=day.path.name,
                frames=da.from_delayed(delayed(read_day)(day.path), shape, dtype=np.uint8),  # type: ignore[no-untyped-call]
                times=day.date.astype("datetime64[m]") + 5 * np.arange(SLOTS),
                split=day.split,
                files=(str(day.path),),
            )


def found_days(folder: Path, cities: Sequence[str]) -> list[Day]:
    """Return every day there is of ``cities``, divided by weeks.

    Raises:
        DataError: A city's folder is missing, holds a file of another name, or lacks the weeks of a split.
    """
    found = []
    for city in cities:
        for path in sorted(raw_folder(folder / city / "training", f"{city}/training").glob("*.h5")):
            date = date_of(path, city)
            week = int((date - MONDAY) // np.timedelta64(7, "D")) % 10
            found.append(Day(path, city, date, "train" if week < 8 else "val" if week == 8 else "test"))
    _check_cities(found, cities, folder)
    return found


def listed_days(folder: Path, cities: Sequence[str]) -> list[Day]:
    """Return the days of ``cities`` that PredBench lists.

    Raises:
        DataError: A list or a file on it is missing, a list is none, a day is listed twice, or a city has none.
    """
    found: dict[str, Day] = {}
    for split, name in LISTS.items():
        path = raw_file(folder, name)
        try:
            entries = json_value(path.read_bytes())
        except ValueError as error:
            raise DataError(f"cannot be read as JSON: {error}", where=str(path), help="fetch the file again") from error
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            raise DataError("is no list of file names", where=str(path), help="fetch the file again")
        for entry in entries:
            if entry in found:
                raise DataError(f"'{entry}' is listed twice, in {found[entry].split} and {split}", where=str(path))
            city = entry.partition("/")[0]
            if city in cities:
                found[entry] = Day(raw_file(folder, entry), city, date_of(folder / entry, city), split)
    _check_cities(found.values(), cities, folder)
    return list(found.values())


def date_of(path: Path, city: str) -> np.datetime64:
    """Return the day that the name of a file says.

    Raises:
        DataError: It says none, or another city.
    """
    match = NAME.fullmatch(path.name)
    try:
        if match is not None and match[2] == city:
            return np.datetime64(match[1], "D")
    except ValueError:  # such as the 31st of June
        pass
    raise DataError(f"'{path.name}' is not named yyyy-mm-dd_{city}_8ch.h5", where=str(path))


def read_day(path: Path) -> NDArray[np.uint8]:
    """Read the middle of one day's film, (288, 8, 128, 112).

    Raises:
        DataError: The file is damaged, or no film of bytes of that day's size.
    """
    with hdf5_array(path, "array") as (film,):
        if film.shape != (SLOTS, *GRID, CHANNELS) or film.dtype != np.uint8:
            expected = f"{(SLOTS, *GRID, CHANNELS)} of uint8"
            raise DataError(f"'array' has shape '{film.shape}' of {film.dtype} instead of {expected}", where=str(path))
        return np.ascontiguousarray(film[:, ROWS, COLUMNS].transpose(0, 3, 1, 2))


def _check_cities(days: Iterable[Day], cities: Sequence[str], folder: Path) -> None:
    have = {(day.city, day.split) for day in days}
    for city in cities:
        for split in SPLITS:
            if (city, split) not in have:
                raise DataError(f"no day of '{city}' for split '{split}'", where=str(folder), help="fetch more days")
