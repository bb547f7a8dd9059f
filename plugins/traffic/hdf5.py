"""HDF5 files that are named when they cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from unistd.core.data.hdf5 import check_self_contained
from unistd.core.errors import DataError


@contextmanager
def hdf5_array(path: Path, *keys: str) -> Iterator[list[h5py.Dataset]]:
    """Open the arrays ``keys`` of one file; nothing of them is read yet.

    Raises:
        DataError: The file is damaged, or lacks one of them.
    """
    try:
        with h5py.File(path, "r") as file:
            check_self_contained(file, path)
            for key in keys:
                if not isinstance(file.get(key), h5py.Dataset):
                    raise DataError(f"no array '{key}'", where=str(path), help=f"the file holds {', '.join(file)}")
            yield [file[key] for key in keys]
    except (OSError, RuntimeError, KeyError) as error:
        raise DataError(f"cannot be read as HDF5: {error}", where=str(path), help="fetch the file again") from error
