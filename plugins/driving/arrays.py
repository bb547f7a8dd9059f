"""Frames in one large array: hickle's files, which are HDF5, and numpy's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from unistd.core.data.hdf5 import check_self_contained
from unistd.core.data.npy import map_npy
from unistd.core.errors import DataError

_ROOTS = ("data_0", "data")  # of hickle 2 and 3, and of 1, 4 and 5


def read_hickle(rows: range, path: Path) -> NDArray[Any]:
    """Read ``rows`` of the array that a hickle file holds.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with h5py.File(path) as file:
            check_self_contained(file, path)
            return np.asarray(_root(file)[rows.start : rows.stop])
    except (OSError, KeyError, TypeError) as error:
        raise _unreadable(path, error) from error


def hickle_array(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of the array that a hickle file holds, without reading it.

    Raises:
        DataError: It cannot be read or holds something else.
    """
    try:
        with h5py.File(path) as file:
            check_self_contained(file, path)
            root = _root(file)
            return tuple(root.shape), root.dtype
    except (OSError, KeyError, AttributeError) as error:
        raise _unreadable(path, error) from error


def hickle_words(path: Path) -> list[str]:
    """Return the list of words that a hickle file holds, without the pickle that hickle itself would run.

    Raises:
        DataError: It cannot be read or holds something else.
    """
    try:
        with h5py.File(path) as file:
            check_self_contained(file, path)
            root = _root(file)
            if isinstance(root, h5py.Group):  # one data set a word
                names = sorted(root, key=lambda name: int(name.removeprefix("data").lstrip("_")))
                return [_word(root[name][()]) for name in names]
            return [_word(word) for word in root[()]]
    except (OSError, KeyError, ValueError, TypeError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def read_npy(rows: range, path: Path) -> NDArray[Any]:
    """Read ``rows`` of the array in a ``.npy`` file.

    Raises:
        DataError: It cannot be read.
    """
    return np.array(open_npy(path)[rows.start : rows.stop])


def open_npy(path: Path) -> NDArray[Any]:
    """Return the array in a ``.npy`` file, read from the disk when it is used.

    Raises:
        DataError: It cannot be read.
    """
    try:
        return map_npy(path)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as .npy: {error}", where=str(path), help="fetch the file again") from error


def _root(file: h5py.File) -> Any:
    for name in _ROOTS:
        if name in file:
            return file[name]
    raise KeyError(f"none of {', '.join(_ROOTS)} is in it")


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value
    return (value if isinstance(value, bytes) else np.asarray(value, np.bytes_).tobytes()).decode()


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"cannot be read as a hickle file: {error}", where=str(path), help="fetch the file again")
