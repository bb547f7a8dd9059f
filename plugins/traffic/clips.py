"""Clips of equal length that were cut beforehand, in numpy's files, read block by block."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import dask.array as da
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

from unistd.core.data.npy import map_npy
from unistd.core.data.npz import UNREADABLE, npz_head
from unistd.core.errors import DataError

_BLOCK = 512  # clips


def npz_clips(path: Path, keys: Sequence[str], frame: tuple[int, int, int]) -> Any:
    """Return the lazy clips (n, T, C, H, W) whose frames are those of ``keys`` (n, t, C, H, W) one after the other.

    Raises:
        DataError: The file is damaged or lacks an array, or the arrays are no clips of ``frame`` (C, H, W).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            present = [name.removesuffix(".npy") for name in archive.namelist()]
            missing = [key for key in keys if key not in present]
            headers = [] if missing else [_header(archive, key) for key in keys]
    except UNREADABLE as error:
        raise _unreadable(path, "npz", error) from error
    if missing:
        raise DataError(f"no array '{missing[0]}'", where=str(path), help=f"the file holds {', '.join(present)}")
    shapes = [shape for shape, _ in headers]
    for key, (shape, dtype) in zip(keys, headers, strict=True):
        if len(shape) != 5 or shape[2:] != frame:
            expected = ", ".join(map(str, ("clips", "frames", *frame)))
            raise DataError(f"'{key}' has shape '{shape}' instead of ({expected})", where=str(path))
        if (shape[0], dtype) != (shapes[0][0], headers[0][1]):
            message = f"'{key}' has '{shape[0]}' clips of {dtype}, '{keys[0]}' {shapes[0][0]} of {headers[0][1]}"
            raise DataError(message, where=str(path))
    (clips, *_), length, dtype = shapes[0], sum(shape[1] for shape in shapes), headers[0][1]
    blocks = [
        da.from_delayed(  # type: ignore[no-untyped-call]
            delayed(_read)(path, keys, at, min(clips, at + _BLOCK)),
            (min(_BLOCK, clips - at), length, *frame),
            dtype=dtype,
        )
        for at in range(0, clips, _BLOCK)
    ]
    return da.concatenate(blocks)  # type: ignore[no-untyped-call]


def npy_clips(path: Path, length: int, frame: tuple[int, int, int]) -> NDArray[Any]:
    """Return the clips (n, ``length``, C, H, W), mapped from the file.

    Raises:
        DataError: The file is damaged or holds something else.
    """
    try:
        clips = map_npy(path)
    except UNREADABLE as error:
        raise _unreadable(path, "npy", error) from error
    if clips.ndim != 5 or clips.shape[1:] != (length, *frame):
        expected = ", ".join(map(str, ("clips", length, *frame)))
        raise DataError(f"has shape '{clips.shape}' instead of ({expected})", where=str(path))
    return clips


def check_npz(path: Path) -> None:
    """Read the whole file once against its own checksums, which reading parts of it passes by.

    Raises:
        DataError: An array is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except UNREADABLE as error:
        raise _unreadable(path, "npz", error) from error
    if bad is not None:
        raise DataError(f"'{bad}' is damaged", where=str(path), help="fetch the file again")


def _read(path: Path, keys: Sequence[str], start: int, stop: int) -> NDArray[Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            return np.concatenate([_rows(archive, key, start, stop) for key in keys], axis=1)
    except UNREADABLE as error:
        raise _unreadable(path, "npz", error) from error


def _rows(archive: zipfile.ZipFile, key: str, start: int, stop: int) -> NDArray[Any]:
    with archive.open(f"{key}.npy") as member:
        shape, dtype = _read_header(member)
        size = math.prod(shape[1:]) * dtype.itemsize
        member.seek(start * size, 1)
        return np.frombuffer(member.read((stop - start) * size), dtype).reshape(stop - start, *shape[1:])


def _header(archive: zipfile.ZipFile, key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    head = npz_head(archive, key)
    if head.column_major:
        raise ValueError(f"'{key}', in column-major order, is not read in parts")
    return head.shape, head.dtype


def _read_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    return shape, dtype


def _unreadable(path: Path, kind: str, error: Exception) -> DataError:
    return DataError(f"cannot be read as {kind}: {error}", where=str(path), help="fetch the file again")
