"""Monthly sea surface temperature, NOAA ERSST version 5."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.task import SPLITS, Channel, Cycle, FrameSequence, Task, TaskCard, Window
from unistd.plugins.weather.netcdf import axes, check_times, field, load

MONTHS = np.arange("2010-01", "2020-09", dtype="datetime64[M]")


class Ersst(Task):
    """Global sea surface temperature on 2°, January 2010 to August 2020; land is missing.

    Split in time into 64, 30 and 34 months (choice): after an embargo of a window's 12 months there are still several
    windows to validate and to test on.

    Args:
        root: Folder of ``sst.mnmean.nc``.
    """

    card = TaskCard(
        name="ersst",
        discipline="weather",
        version="1",
        channels=(Channel(name="sea_surface_temperature", unit="degC"),),
        step=(1, "M"),
        window=Window(past=6, future=6),
        missing="mask",
        cycles=(Cycle(name="year", steps=12),),
        source="NOAA Extended Reconstructed SST V5, monthly means",
        licence="no constraints on data access or use",
    )

    def __init__(self, *, root: Path | None = None) -> None:
        self.root = root

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "ersst")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give the record as one sequence of (1, 89, 180) °C.

        Raises:
            DataError: The file is missing, unreadable, or not the 128 months in °C.
        """
        path = raw_file(self.folder(), "sst.mnmean.nc")
        data = load(path, "h5netcdf")
        sst = field(data, "sst", "degC", path)
        check_times(data, MONTHS, path)
        y, x = axes(data)
        yield FrameSequence(
            name="ersst",
            frames=sst[:, None],
            times=MONTHS,
            split=np.repeat(SPLITS, (64, 30, 34)),
            y=y,
            x=x,
            files=(str(path),),
        )
