"""Taxi flow in New York, January to March 2016, as published with the traffic model STSAN."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.npz import UNREADABLE, npz_head
from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Channel, Cycle, FrameSequence, Task, TaskCard, Window
from unistd.core.untrusted import check_room

DAY = 48
TRAIN_FILE, TEST_FILE = "flow_train.npz", "flow_test.npz"
FRAMES = {TRAIN_FILE: 63 * DAY, TEST_FILE: 27 * DAY}
ROWS, COLUMNS, FLOWS = 16, 12, 2
# The area that was cut into cells, from the program that made the files; the first row is the northernmost.
NORTH, SOUTH, WEST, EAST = 40.849878, 40.699031, -74.022216, -73.873868


class NycTaxi(Task):
    """Trips that end (inflow) and begin (outflow) in each cell of 1 km, per half hour.

    The publisher's test file is the test split. Of the training file the last two weeks are validation, so that every
    weekday is scored twice and seven whole weeks remain to train on (choice).

    Args:
        root: Folder of ``flow_train.npz`` and ``flow_test.npz``.
    """

    card = TaskCard(
        name="nyc-taxi",
        discipline="traffic",
        version="1",
        channels=(Channel(name="inflow", unit="trips"), Channel(name="outflow", unit="trips")),
        step=(30, "m"),
        window=Window(past=8, future=4),
        cycles=(Cycle(name="day", steps=DAY), Cycle(name="week", steps=7 * DAY)),
        source="github.com/haoxingl/STSAN, data/NYTaxi, made from NYC TLC trip records",
        licence="MIT; NYC TLC open data",
    )

    def __init__(self, *, root: Path | None = None) -> None:
        self.root = root

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "nyc_taxi")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give the whole record of 90 days as one sequence of (2, 16, 12) counts.

        Raises:
            DataError: A file is missing, unreadable, or does not hold its whole numbers of trips.
        """
        folder = self.folder()
        paths = [raw_file(folder, name) for name in FRAMES]
        flow = np.concatenate([read_flow(path, FRAMES[path.name]) for path in paths])
        y = NORTH - (np.arange(ROWS) + 0.5) * (NORTH - SOUTH) / ROWS
        x = WEST + (np.arange(COLUMNS) + 0.5) * (EAST - WEST) / COLUMNS
        yield FrameSequence(
            name="nyc-taxi",
            frames=flow.transpose(0, 3, 1, 2),
            times=np.datetime64("2016-01-01T00:00", "m") + 30 * np.arange(len(flow)),
            split=np.repeat(SPLITS, (49 * DAY, 14 * DAY, 27 * DAY)),
            y=(y, {"units": "degrees_north", "standard_name": "latitude"}),
            x=(x, {"units": "degrees_east", "standard_name": "longitude"}),
            files=tuple(str(path) for path in paths),
        )


def read_flow(path: Path, frames: int) -> NDArray[np.uint16]:
    """Read the trips (time, y, x, flow) of one file.

    Raises:
        DataError: The file is unreadable, lacks the key ``flow``, or holds another shape or other than whole numbers.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            held = [name.removesuffix(".npy") for name in packed.namelist()]
            if "flow" in held:
                check_room(npz_head(packed, "flow").nbytes, path, "'flow'")
        with np.load(path, allow_pickle=False) as archive:
            keys = list(archive)
            flow: NDArray[Any] | None = archive["flow"] if "flow" in keys else None
    except UNREADABLE as error:
        raise DataError(f"cannot be read as npz: {error}", where=str(path), help="fetch the file again") from error
    if flow is None:
        raise DataError("no array 'flow'", where=str(path), help=f"the file holds {', '.join(keys)}")
    expected = (frames, ROWS, COLUMNS, FLOWS)
    if flow.shape != expected:
        raise DataError(f"'flow' has shape '{flow.shape}' instead of {expected}", where=str(path))
    if not (np.rint(flow) == flow).all() or flow.min() < 0 or flow.max() > np.iinfo(np.uint16).max:
        raise DataError("'flow' holds values that are no whole numbers of trips", where=str(path))
    return flow.astype(np.uint16)
