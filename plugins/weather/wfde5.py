"""Hourly surface weather over Great Britain, WFDE5."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Channel, Cycle, FrameSequence, Task, TaskCard, Window
from unistd.plugins.weather.netcdf import axes, check_times, field, load

HOURS = np.arange("2017-01-01", "2017-02-01", dtype="datetime64[h]")
# File and channel, variable inside, unit.
VARIABLES = (
    ("air_temperature", "Tair", "K"),
    ("specific_humidity", "Qair", "kg kg-1"),
    ("wind_speed", "Wind", "m s-1"),
    ("precipitation_flux", "pr", "kg m-2 s-1"),
    ("surface_downwelling_shortwave_flux_in_air", "SWdown", "W m-2"),
    ("surface_downwelling_longwave_flux_in_air", "LWdown", "W m-2"),
)


class Wfde5(Task):
    """Temperature, humidity, wind, rain and radiation of January 2017 on 0.5°; the sea is missing.

    Split in time into 520, 112 and 112 hours (choice, about 70, 15 and 15 %).

    Args:
        root: Folder of the six files, one variable each.
    """

    card = TaskCard(
        name="wfde5",
        discipline="weather",
        version="1",
        channels=tuple(Channel(name=name, unit=unit) for name, _, unit in VARIABLES),
        step=(1, "h"),
        window=Window(past=12, future=6),
        missing="mask",
        cycles=(Cycle(name="day", steps=24),),
        source="WFDE5 near-surface meteorology, sample of github.com/unifhy-org/unifhy",
        licence="Licence to Use Copernicus Products",
    )

    def __init__(self, *, root: Path | None = None) -> None:
        self.root = root

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "wfde5")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give the month as one sequence of (6, 20, 28), each variable in its own unit.

        Raises:
            DataError: A file is missing, unreadable, in another unit, or on other hours or another grid.
        """
        folder = self.folder()
        paths = [raw_file(folder, f"{name}.nc") for name, _, _ in VARIABLES]
        fields, grids = [], []
        for path, (_, variable, unit) in zip(paths, VARIABLES, strict=True):
            data = load(path, "h5netcdf")
            fields.append(field(data, variable, unit, path))
            check_times(data, HOURS, path)  # one file counts seconds, the others hours
            grids.append(axes(data))
            for (mine, _), (first, _) in zip(grids[-1], grids[0], strict=True):
                if not np.array_equal(mine, first):
                    raise DataError(f"is on another grid than '{paths[0].name}'", where=str(path))
        y, x = grids[0]
        yield FrameSequence(
            name="wfde5",
            frames=np.stack(fields, axis=1),
            times=HOURS,
            split=np.repeat(SPLITS, (520, 112, 112)),
            y=y,
            x=x,
            files=tuple(str(path) for path in paths),
        )
