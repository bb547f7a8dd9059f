"""Heads of the arrays in an npz file, believed no further than their bytes go."""

from __future__ import annotations

import lzma
import math
import tokenize
import zipfile
import zlib
from typing import Any, NamedTuple

import numpy as np

UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    RuntimeError,  # what is encrypted, or compressed in a way that is not known
)
"""What a damaged npz file leads to."""


class Head(NamedTuple):
    """What an array is said to be."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    column_major: bool

    @property
    def nbytes(self) -> int:
        """Bytes of the array, unpacked."""
        return math.prod(self.shape) * self.dtype.itemsize


def npz_head(archive: zipfile.ZipFile, key: str) -> Head:
    """Read the head of array ``key``, whose values are not looked at.

    Raises:
        ValueError: It is none, its values are pickled, or there are fewer of them than it says.
        KeyError: There is no such array.
    """
    member = archive.getinfo(f"{key}.npy")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        try:
            shape, column_major, dtype = read(file)
        except (SyntaxError, TypeError, MemoryError, tokenize.TokenError) as error:  # it is read as Python's literals
            raise ValueError(f"the head of '{key}' is damaged: {error}") from error
    head = Head(shape, dtype, column_major)
    if dtype.hasobject:
        raise ValueError(f"'{key}' holds pickled objects, which are never read")
    if min(shape, default=0) < 0 or head.nbytes > member.file_size:
        raise ValueError(f"'{key}' is said to have shape '{shape}' of {dtype}, more than its {member.file_size} bytes")
    return head
