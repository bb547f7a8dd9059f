"""One array of one file: known by its shape, read a piece at a time."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unistd.core.errors import DataError
from unistd.core.importing.card import ImportCard
from unistd.core.untrusted import check_room, check_size

PIECE = 2**25  # bytes that are read at once
UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, IndexError, RuntimeError, SyntaxError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile, AttributeError, ArithmeticError, AssertionError, MemoryError),
    Image.DecompressionBombError,
)
EXTRA = "pip install 'unistd[import]'"
_PACKING = {"scale_factor": "scale_factor", "add_offset": "add_offset"}
_PACKING |= {"_FillValue": "fill_value", "missing_value": "fill_value"}

Pieces = tuple[slice, ...]
Axis = tuple[NDArray[Any], dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Field:
    """An array that lies in a file.

    Attributes:
        path, key: Where; the key is empty in a format with one array a file.
        shape, dtype: What ``load`` gives for whole slices.
        load: Opens the file and reads slices; a module's function with its arguments, so that any process can call it.
        dims: The file's own names of the axes; empty where it has none.
        unit: What the file says the unit is; empty where it says nothing.
        times: (time,) datetime64[ms], where the file says them.
        calendar: That of the times, where they were laid out from another than the usual one.
        axes: Coordinates by the file's own name of their axis.
    """

    path: Path
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[Pieces], NDArray[Any]]
    dims: tuple[str, ...] = ()
    unit: str = ""
    times: NDArray[np.datetime64] | None = None
    calendar: str = ""
    axes: Mapping[str, Axis] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What messages call the array."""
        return f"'{self.key}'" if self.key else "the array"

    def lazy(self, selection: Pieces, along: int) -> Any:
        """Return the dask array of ``selection``, read in pieces along one axis."""
        check_size(self.shape, self.dtype.itemsize, stored_bytes(self.path), self.path, self.label)
        shape = tuple(len(range(*piece.indices(size))) for piece, size in zip(selection, self.shape, strict=True))
        dtype = np.dtype(np.uint8) if self.dtype.kind == "b" else self.dtype.newbyteorder("=")
        step = max(1, PIECE * shape[along] // max(1, int(np.prod(shape)) * dtype.itemsize))
        sizes = tuple(min(step, shape[along] - start) for start in range(0, shape[along], step))
        # One layer of the graph, however many pieces there are.
        return da.map_blocks(  # type: ignore[no-untyped-call]
            partial(_read, self.load, self.path, dtype, selection, shape, along, step),
            chunks=tuple(sizes if axis == along else (size,) for axis, size in enumerate(shape)),
            dtype=dtype,
            meta=np.empty((0,) * len(shape), dtype),
        )


def stored_bytes(path: Path) -> int:
    """Return the bytes of a file, or of all files of a zarr folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def check_packing(attributes: Mapping[str, Any], key: str, card: ImportCard, path: Path) -> None:
    """Make sure that the card says what a file's attributes say of packing and missing values, which are not heeded.

    Raises:
        DataError: It is silent about one.
    """
    for name, field_ in _PACKING.items():
        if name in attributes and field_ not in card.model_fields_set:
            message = f"'{key}' has the attribute '{name}', which is not heeded in this format"
            raise DataError(message, where=str(path), help=f"say it as the card's {field_}; format: netcdf heeds it")


def check_whole(shape: Sequence[int], dtype: np.dtype[Any], path: Path, what: str) -> None:
    """Make sure that an array can be read as a whole.

    Raises:
        DataError: Its file cannot hold it, or the memory that is free.
    """
    check_room(check_size(shape, dtype.itemsize, stored_bytes(path), path, what), path, what)


def _read(
    load: Callable[[Pieces], NDArray[Any]],
    path: Path,
    dtype: np.dtype[Any],
    selection: Pieces,
    shape: tuple[int, ...],
    along: int,
    step: int,
    block_id: tuple[int, ...],
) -> NDArray[Any]:
    """Read one piece of what has ``shape``, which begins ``step`` places after the piece before it."""
    inside = block_id[along] * step
    size = (*shape[:along], min(step, shape[along] - inside), *shape[along + 1 :])
    start = (selection[along].start or 0) + inside
    piece = slice(start, start + size[along])
    try:
        values = np.asarray(load((*selection[:along], piece, *selection[along + 1 :])))
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    if values.shape != size:
        raise DataError(f"holds '{values.shape}' where its head says {size}", where=str(path), help="make it again")
    return values.astype(dtype, copy=False)


def unreadable(path: Path, error: BaseException) -> DataError:
    """Return the error for a file that cannot be read."""
    return DataError(f"cannot be read: {error}", where=str(path), help="see that it is whole, and of the card's format")


def no_such(key: str, held: list[str], path: Path) -> DataError:
    """Return the error for an array that is not in a file."""
    return DataError(f"no variable '{key}'", where=str(path), help=f"the file holds {', '.join(held) or 'nothing'}")
