"""The ``.seq`` files of Caltech Pedestrian: Norpix' header of 1024 bytes, then one JPEG after the other."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from unistd.core.errors import DataError

HEADER, MAGIC, NAME = 1024, 0xFEED, "Norpix seq".encode("utf-16-le")
JPEG_FORMATS, JPEG = (102, 201), b"\xff\xd8"
CLOCK = (8, 16)  # bytes of a frame's time after its image; some writers leave eight more empty


class Image(NamedTuple):
    """Where in the file a frame's JPEG begins, and its bytes."""

    offset: int
    length: int


def read_index(path: Path) -> list[Image]:
    """Return where each frame of a ``.seq`` file is.

    Raises:
        DataError: It is no such file, holds no JPEGs, is cut short, or has fewer frames than it says.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        count = _frame_count(file.read(HEADER), path)
        images: list[Image] = []
        at, clock = HEADER, CLOCK[0]
        while at < size and (not count or len(images) < count):
            if len(images) == 1:
                clock = _clock(file, images[0], path)
                at = sum(images[0]) + clock
            images.append(_image_at(file, at, size, path, len(images)))
            at = sum(images[-1]) + clock
    if not images or len(images) < count:
        message = f"holds '{len(images)}' frames instead of {count or 'at least 1'}"
        raise DataError(message, where=str(path), help="fetch the file again")
    return images


def _frame_count(header: bytes, path: Path) -> int:
    if len(header) < HEADER or struct.unpack_from("<I", header)[0] != MAGIC or header[4 : 4 + len(NAME)] != NAME:
        raise DataError("is no Norpix sequence: its header is not one", where=str(path), help="fetch the file again")
    image_format, count = struct.unpack_from("<2I", header, 568)
    if image_format not in JPEG_FORMATS:
        raise DataError(f"has images of format '{image_format}' instead of JPEG ({JPEG_FORMATS})", where=str(path))
    return int(count)  # 0 if the writer did not know


def _clock(file: BinaryIO, first: Image, path: Path) -> int:
    for clock in CLOCK:
        file.seek(sum(first) + clock + 4)
        if file.read(2) == JPEG:
            return clock
    raise DataError("has no JPEG where frame '1' should begin", where=str(path), help="fetch the file again")


def _image_at(file: BinaryIO, at: int, size: int, path: Path, frame: int) -> Image:
    file.seek(at)
    head = file.read(6)
    length = struct.unpack_from("<I", head)[0] if len(head) == 6 else 0  # counts its own four bytes
    if length <= 4 or at + length > size or head[4:] != JPEG:
        message = f"frame '{frame}' is cut short or no JPEG"
        raise DataError(message, where=str(path), help="fetch the file again")
    return Image(at + 4, length - 4)
