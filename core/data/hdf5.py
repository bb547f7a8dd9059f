"""HDF5 files that hold all of their data themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from unistd.core.errors import DataError
from unistd.core.untrusted import check_size

MAX_NODES = 200_000
"""Groups and arrays of one file; a hickle file of 42,000 words, one array each, is the largest we know of."""


def check_self_contained(file: h5py.File, path: Path) -> None:
    """See that nothing of ``file`` lies in another file, of this machine's owner perhaps, or is larger than it can be.

    Raises:
        DataError: An array or a link leads to another file, or an array's shape is absurd; names it.
    """
    seen, waiting, stored = 0, [file], path.stat().st_size
    visited = set()
    while waiting:
        group = waiting.pop()
        for name in group:
            seen += 1
            if seen > MAX_NODES:
                raise _refused(path, f"holds more than '{MAX_NODES}' groups and arrays")
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise _refused(path, f"'{name}' is a link to another file, '{link.filename}'")
            if isinstance(link, h5py.SoftLink):
                continue  # leads to something of this file, which is looked at where it is
            node: Any = group[name]
            if isinstance(node, h5py.Dataset):
                _check(node, path, stored)
            elif isinstance(node, h5py.Group) and (at := h5py.h5o.get_info(node.id).addr) not in visited:
                visited.add(at)
                waiting.append(node)


def _check(data: h5py.Dataset, path: Path, stored: int) -> None:
    if data.external or data.is_virtual:
        raise _refused(path, f"array '{data.name}' has its values in another file")
    if data.shape is not None:
        check_size(data.shape, data.dtype.itemsize, stored, path, f"array '{data.name}'")


def _refused(path: Path, what: str) -> DataError:
    return DataError(what, where=str(path), help="write everything into one plain file, as h5repack does")
