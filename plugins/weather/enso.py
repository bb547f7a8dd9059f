"""El Niño: sea surface temperature of climate models and a reanalysis, ICAR-ENSO 2021."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import dask.array as da
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import Channel, Cycle, FrameSequence, Protocol, Split, Task, TaskCard, Window
from unistd.plugins.weather.netcdf import Axis, opened

CMIP, SODA = "CMIP_train.nc", "SODA_train.nc"
MODELS = {"cmip6": (15, 151), "cmip5": (17, 140)}  # how many models, years of each, in the order of the file's rows
SODA_YEARS = 100
HELD_OUT = 2  # models of CMIP5, the last ones
DIMENSIONS = ("year", "month", "lat", "lon")
MONTHS, HEIGHT, WIDTH, WEST, EAST = 36, 24, 48, 95, 330  # a row holds the months of its year and the next two
JANUARY = np.datetime64("1970-01", "M")

UNISTD = TaskCard(
    name="enso",
    discipline="weather",
    version="1",
    channels=(Channel(name="sea_surface_temperature_anomaly", unit="degC"),),
    step=(1, "M"),
    window=Window(past=12, future=14),
    missing="mask",
    normalization="range",
    value_range=(-16.549121856689453, 10.198975563049316),
    cycles=(Cycle(name="year", steps=12),),
    protocol="unistd",
    source="tianchi.aliyun.com/dataset/98942, enso_round1_train_20210201.zip",
    licence="terms of Tianchi's data set 98942 (registration)",
    size="4,645 and 100 rows of 36 months; 4.6 GB with all four variables as 32-bit floats",
)
EARTHFORMER = replace(UNISTD, protocol="earthformer", missing="error")
CARDS = {
    "unistd": UNISTD,
    "earthformer": EARTHFORMER,
    "earthformer-paper": replace(
        EARTHFORMER, protocol="earthformer-paper", window=Window(past=12, future=26), stride=(10, 5, 1)
    ),
    "predbench": replace(EARTHFORMER, protocol="predbench"),
}
ProtocolName = Literal["unistd", "earthformer", "earthformer-paper", "predbench"]


class Run(NamedTuple):
    """The record of one model: which of the file's rows it is in, one a year."""

    name: str
    path: Path
    first: int
    years: int
    split: Split


class Enso(Task):
    """Monthly anomalies of sea surface temperature, 55° S to 60° N, 95° E to 30° W, on 5°.

    A record is put together from every third row and the end of the last one, as in Earthformer. The Niño 3.4 index is
    that of rows 10 to 12 and columns 19 to 29; ``CMIP_label.nc`` and ``SODA_label.nc``, which hold it as well, are not
    read. The models' years are their own, so every record begins in January 1970 here.

    Args:
        root: Folder of ``CMIP_train.nc``, and of ``SODA_train.nc`` for ``unistd``.
        protocol: Name of one of ``protocols``.
    """

    protocols = (
        Protocol(
            name="unistd",
            summary="12→14 at every month; 15 models of CMIP6 and the first 15 of CMIP5 train, the last two of "
            "CMIP5 validate, the reanalysis SODA tests; anomalies from -16.549 to 10.199 °C onto [0, 1]; "
            "missing values are left out.",
            mends="Earthformer and PredBench test on one more simulation of the models' family: here the test "
            "is the ocean as it was, and records are the same wherever their rows overlap, or it is an "
            "error.",
        ),
        Protocol(
            name="earthformer",
            summary="12→14 at every month, as in Earthformer's released settings; 15 models of CMIP6 and the "
            "first 15 of CMIP5 train, the 16th of CMIP5 validates, the 17th tests: 52,350, 1,679 and "
            "1,679 windows.",
            mends="Of the true index Earthformer reads the label file, and here it follows from the frames.",
        ),
        Protocol(
            name="earthformer-paper",
            summary="The same with 12→26 at every 10th, 5th and single month, which gives the numbers of windows "
            "that Earthformer's paper prints: 5,205, 334 and 1,667.",
        ),
        Protocol(
            name="predbench",
            summary="The same windows as Earthformer's released settings, 12→14: 52,350, 1,679 and 1,679.",
        ),
    )

    def __init__(self, *, root: Path | None = None, protocol: ProtocolName = "unistd") -> None:
        self.root = root
        self.protocol = protocol

    @property
    def card(self) -> TaskCard:
        """What the frames are under the protocol."""
        return CARDS[self.protocol]

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "enso")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give the record of each model as a lazy sequence of (1, 24, 48) °C.

        Raises:
            DataError: A file is missing, unreadable, or not of the rows and grid it should be.
        """
        folder, grids = self.folder(), {}
        for run in self.runs(folder):
            if run.path not in grids:
                grids[run.path] = check_file(run.path, SODA_YEARS if run.path.name == SODA else _rows())
            frames = 12 * (run.years + 2)
            read = delayed(partial(read_run, checked=self.protocol == "unistd"))
            yield FrameSequence(
                name=f"{run.path.name}, {run.name}",
                frames=da.from_delayed(read(run), (frames, 1, HEIGHT, WIDTH), dtype=np.float32),  # type: ignore[no-untyped-call]
                times=JANUARY + np.arange(frames),
                split=run.split,
                y=grids[run.path][0],
                x=grids[run.path][1],
                files=(str(run.path),),
            )

    def runs(self, folder: Path) -> list[Run]:
        """Return which rows are whose, and the split of each.

        Raises:
            DataError: A file is missing.
        """
        path, first, found = raw_file(folder, CMIP), 0, []
        held_out: tuple[Split, Split] = ("val", "val") if self.protocol == "unistd" else ("val", "test")
        for family, (models, years) in MODELS.items():
            for number in range(models):
                rest = models - number
                split = held_out[-rest] if family == "cmip5" and rest <= HELD_OUT else "train"
                found.append(Run(f"{family} model {number + 1}", path, first, years, split))
                first += years
        if self.protocol == "unistd":
            found.append(Run("soda", raw_file(folder, SODA), 0, SODA_YEARS, "test"))
        return found


def check_file(path: Path, rows: int) -> tuple[Axis, Axis]:
    """Return latitude and longitude of the part that is used, once the file is seen to be as it should.

    Raises:
        DataError: It is damaged, or holds another variable, other dimensions or another grid.
    """
    with opened(path) as data:
        if "sst" not in data or set(data["sst"].dims) != set(DIMENSIONS):
            names = ", ".join(map(str, data.data_vars))
            raise DataError(f"no variable 'sst' over {', '.join(DIMENSIONS)}", where=str(path), help=f"holds {names}")
        missing = [name for name in ("lat", "lon") if name not in data.coords]
        if missing:
            raise DataError(f"no coordinate '{missing[0]}'", where=str(path))
        sst = data["sst"].transpose(*DIMENSIONS).sel(lon=(data["lon"] >= WEST) & (data["lon"] <= EAST))
        expected = (rows, MONTHS, HEIGHT, WIDTH)
        if sst.shape != expected:
            message = f"'sst' from {WEST} to {EAST}° E has shape '{sst.shape}' instead of {expected}"
            raise DataError(message, where=str(path))
        y, x = data["lat"].values, sst["lon"].values
    return (
        (y, {"units": "degrees_north", "standard_name": "latitude"}),
        (x, {"units": "degrees_east", "standard_name": "longitude"}),
    )


def read_run(run: Run, checked: bool) -> NDArray[np.float32]:
    """Read the record (months, 1, 24, 48) of one model.

    Raises:
        DataError: The file is damaged; or, where it is ``checked``, a row does not go on as the one before says.
    """
    with opened(run.path) as data:
        sst = data["sst"].transpose(*DIMENSIONS).isel(year=slice(run.first, run.first + run.years))
        rows = np.array(sst.sel(lon=(data["lon"] >= WEST) & (data["lon"] <= EAST)).values, np.float32)
    if checked:
        same = np.isclose(rows[:-1, 12:], rows[1:, :-12], rtol=0, atol=1e-3, equal_nan=True).all((1, 2, 3))
        if not same.all():
            row = run.first + int((~same).argmax())
            message = f"rows {row} and {row + 1} of {run.name} differ in the 24 months that they share"
            raise DataError(message, where=str(run.path), help="fetch the file again")
    return unfold(rows)[:, None]


def unfold(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the months one after the other of ``rows`` (years, 36, H, W), each of which begins a year later."""
    tail = 12 * ((len(rows) - 1) % 3)
    return np.concatenate([*rows[::3], rows[-1, MONTHS - tail :]])


def _rows() -> int:
    return sum(models * years for models, years in MODELS.values())
