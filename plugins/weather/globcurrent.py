"""Daily surface currents round the Agulhas, ESA GlobCurrent."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Channel, FrameSequence, Task, TaskCard, Window
from unistd.plugins.weather.lazy import one_frame_a_file
from unistd.plugins.weather.netcdf import axes, check_times, field, load

DAYS = np.arange("2002-01-01", "2002-09-21", dtype="datetime64[D]")
NAME = "{day}000000-GLOBCURRENT-L4-CUReul_hs-ALT_SUM-v02.0-fv01.0.nc"
COMPONENTS = ("eastward", "northward")


class GlobCurrent(Task):
    """Geostrophic and Ekman currents on 0.25°, 263 days of 2002; land is missing.

    Split in time into 175, 44 and 44 days (choice, two thirds and two sixths).

    Args:
        root: Folder of the files, one a day.
    """

    card = TaskCard(
        name="globcurrent",
        discipline="weather",
        version="1",
        channels=tuple(Channel(name=f"{way}_current", unit="m s-1") for way in COMPONENTS),
        step=(1, "D"),
        window=Window(past=8, future=4),
        missing="mask",
        source="ESA GlobCurrent L4 v2.0, sample of github.com/OceanParcels/parcels-data",
        licence="open (ESA GlobCurrent)",
    )

    def __init__(self, *, root: Path | None = None) -> None:
        self.root = root

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "globcurrent")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give the record as one lazy sequence of (2, 41, 81) m/s.

        Raises:
            DataError: A file is missing; unreadable, or of another day, unit or grid, when frames are computed.
        """
        folder = self.folder()
        paths = [raw_file(folder, NAME.format(day=str(day).replace("-", ""))) for day in DAYS]
        y, x = axes(load(paths[0], "scipy"))
        shape = (len(COMPONENTS), len(y[0]), len(x[0]))

        yield FrameSequence(
            name="globcurrent",
            frames=one_frame_a_file(partial(read_day, shape=shape), paths, shape, np.float64),
            times=DAYS,
            split=np.repeat(SPLITS, (175, 44, 44)),
            y=y,
            x=x,
            files=tuple(str(path) for path in paths),
        )


def read_day(path: Path, shape: tuple[int, int, int]) -> NDArray[np.floating[Any]]:
    """Read the currents (2, H, W) of one file.

    Raises:
        DataError: The file is unreadable, or of another day than its name says, another unit or another grid.
    """
    data = load(path, "scipy")
    day = np.datetime64(f"{path.name[:4]}-{path.name[4:6]}-{path.name[6:8]}", "D")
    frame = np.concatenate([field(data, f"{way}_eulerian_current_velocity", "m s-1", path) for way in COMPONENTS])
    check_times(data, np.array([day]), path)
    if frame.shape != shape:
        raise DataError(f"the currents have shape '{frame.shape}' instead of {shape}", where=str(path))
    return frame
