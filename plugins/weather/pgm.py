"""Gzipped PGM images with a commented header, as the Finnish Meteorological Institute writes its radar composites."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from unistd.core.errors import DataError

MAX_SIDE = 20_000
"""Pixels along a side; Finland in cells of 100 m has 12,000."""
_LINE, _COMMENTS = 4096, 1000  # bytes of a line and lines of comment; FMI writes some 20 of up to 100


@dataclass(frozen=True)
class Header:
    """What stands before the pixels.

    Attributes:
        obstime: Time of the observation, ``yyyymmddHHMM``.
        shape: (H, W).
        spacing: Metres between pixels along y and x.
    """

    obstime: str
    shape: tuple[int, int]
    spacing: tuple[float, float]


def read_pgm(path: Path) -> tuple[Header, NDArray[np.uint8]]:
    """Read the header and the pixels (H, W), the first row northernmost.

    Raises:
        DataError: The file is damaged, no such image, or holds fewer or more pixels than it says.
    """
    try:
        with gzip.open(path) as file:
            header = _header(file)
            content = file.read(header.shape[0] * header.shape[1] + 1)
    except (OSError, EOFError, zlib.error, ValueError, KeyError) as error:
        raise DataError(
            f"cannot be read as radar PGM: {error}", where=str(path), help="fetch the file again"
        ) from error
    height, width = header.shape
    if len(content) != height * width:
        raise DataError(f"holds '{len(content)}' pixels instead of {height}×{width}", where=str(path))
    return header, np.frombuffer(content, np.uint8).reshape(header.shape)


def _header(file: BinaryIO | gzip.GzipFile) -> Header:
    if file.readline(_LINE).strip() != b"P5":
        raise ValueError("it does not begin with 'P5'")
    comments: dict[str, str] = {}
    while (line := file.readline(_LINE).decode("ascii").strip()).startswith("#") and len(comments) < _COMMENTS:
        key, _, value = line[1:].strip().partition(" ")
        comments[key] = value
    width, height = (int(size) for size in line.split())
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ValueError(f"{height}×{width} pixels, at most {MAX_SIDE} on a side")
    if (depth := file.readline(_LINE).strip()) != b"255":
        raise ValueError(f"the largest value is '{depth.decode()}' instead of 255")
    spacing = (float(comments["metersperpixel_y"]), float(comments["metersperpixel_x"]))
    return Header(comments["obstime"], (height, width), spacing)
