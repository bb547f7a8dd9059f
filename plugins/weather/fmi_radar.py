"""Rain radar composites of the Finnish Meteorological Institute, as published with pySTEPS."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Channel, FrameSequence, Task, TaskCard, Window
from unistd.plugins.weather.lazy import one_frame_a_file
from unistd.plugins.weather.pgm import Header, read_pgm

# Time of each event's first frame; its train, val and test frames.
EVENTS = (("201609281445", (20, 20, 0)), ("201705091045", (0, 0, 40)))
NAME = "{stamp}_fmi.radar.composite.lowest_FIN_SUOMI1.pgm.gz"
NO_DATA = 255
NO_ECHO = 0.0  # dBZ


class FmiRadar(Task):
    """Radar reflectivity of two events, dBZ = 0.5 · byte − 32; pixels no radar sees are missing.

    Protocol (choice): the event of 2017 is the test split; of the event of 2016 the first 20 frames train and the last
    20 validate, which leaves 5 windows of 4→4 after an embargo of 8 frames. Anything below 0 dBZ counts as no echo and
    stands at 0 dBZ: it is hardly rain, and the step from −32 dBZ (nothing) to the weakest echo would outweigh all rain.
    With ``coarsen`` n, blocks of n×n pixels are averaged in dBZ over the pixels that are seen; a block is missing where
    fewer than half are, and the last rows and columns that do not fill a block are left out.

    Args:
        root: Folder with one folder for each event, one file a frame in it.
        coarsen: Pixels along each side of a block.
    """

    card = TaskCard(
        name="fmi-radar",
        discipline="weather",
        version="1",
        channels=(Channel(name="reflectivity", unit="dBZ"),),
        step=(5, "m"),
        window=Window(past=4, future=4),
        missing="mask",
        mirrors=("y", "x", "diagonal"),  # two events blow two ways; the next one may blow any
        source="Finnish Meteorological Institute, sample of github.com/pySTEPS/pysteps-data",
        licence="CC BY 4.0",
    )

    def __init__(self, *, root: Path | None = None, coarsen: int = 8) -> None:
        self.root = root
        self.coarsen = coarsen

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "fmi_radar")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each event as a lazy sequence of (1, H, W) dBZ.

        Raises:
            DataError: A file is missing, unreadable, of another time or another size; mostly when frames are computed.
        """
        folder = self.folder()
        for first, counts in EVENTS:
            event = raw_folder(folder / first[:8], first[:8])
            start = np.datetime64(f"{first[:4]}-{first[4:6]}-{first[6:8]}T{first[8:10]}:{first[10:]}", "m")
            times = start + 5 * np.arange(sum(counts))
            paths = [raw_file(event, NAME.format(stamp=stamp(time))) for time in times]
            header, _ = read_pgm(paths[0])
            n = self.coarsen
            if n > min(header.shape):
                raise DataError(f"blocks of '{n}' pixels do not fit frames of {header.shape}", where=str(paths[0]))
            height, width = (size // n for size in header.shape)
            read = partial(read_reflectivity, expected=header, coarsen=n)
            y = -(np.arange(height) + 0.5) * n * header.spacing[0]
            x = (np.arange(width) + 0.5) * n * header.spacing[1]
            yield FrameSequence(
                name=first[:8],
                frames=one_frame_a_file(read, paths, (1, height, width), np.float32),
                times=times,
                split=np.repeat(SPLITS, counts),
                y=(y, {"units": "m", "long_name": "distance north of the upper edge"}),
                x=(x, {"units": "m", "long_name": "distance east of the left edge"}),
                files=tuple(str(path) for path in paths),
            )


def stamp(time: np.datetime64) -> str:
    """Return ``time`` as ``yyyymmddHHMM``."""
    return "".join(letter for letter in str(time) if letter.isdigit())


def read_reflectivity(path: Path, expected: Header, coarsen: int) -> NDArray[np.float32]:
    """Read one frame (1, H, W) in dBZ, averaged over blocks, NaN where missing.

    Raises:
        DataError: The file is unreadable, of another size than ``expected``, or of another time than its name says.
    """
    header, pixels = read_pgm(path)
    if header.shape != expected.shape:
        raise DataError(f"the frame has shape '{header.shape}' instead of {expected.shape}", where=str(path))
    if not path.name.startswith(header.obstime):
        raise DataError(f"was observed at '{header.obstime}', not when its name says", where=str(path))
    dbz = np.maximum(0.5 * pixels.astype(np.float32) - 32, NO_ECHO)
    return block_mean(dbz, pixels != NO_DATA, coarsen)[None]


def block_mean(values: NDArray[np.float32], valid: NDArray[np.bool_], n: int) -> NDArray[np.float32]:
    """Average ``values`` (H, W) over the valid pixels of n×n blocks; NaN where fewer than half are valid."""
    height, width = (size // n for size in values.shape)
    blocks = (height, n, width, n)
    valid = valid[: height * n, : width * n].reshape(blocks)
    count = valid.sum((1, 3))
    total = values[: height * n, : width * n].reshape(blocks).sum((1, 3), where=valid)
    mean = total / np.maximum(count, 1)
    return np.where(2 * count >= n * n, mean, np.nan).astype(np.float32)
