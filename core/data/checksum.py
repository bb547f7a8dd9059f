"""What a raw file is known by, or a folder that holds too many to know each."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unistd.core.data.store import Store

_PIECE = 2**21  # bytes; hashlib's own pieces are so small that other threads keep this one waiting for Python's lock


def size_and_time(path: Path) -> tuple[int, int]:
    """Return the bytes of the file at ``path`` and when it changed; of a folder those of all its files.

    Raises:
        FileNotFoundError: It is not there.
    """
    found = [file.stat() for file in (_inside(path) if path.is_dir() else [path])]
    return sum(own.st_size for own in found), max((own.st_mtime_ns for own in found), default=0)


def checksum(path: Path) -> str:
    """Return the SHA-256 of the file at ``path``; of a folder that of the names and checksums of all its files.

    Raises:
        OSError: One cannot be read.
    """
    if path.is_dir():
        whole = hashlib.sha256()
        for file in _inside(path):
            whole.update(f"{checksum(file)}  {file.name}\n".encode(errors="surrogateescape"))
        return whole.hexdigest()
    own, piece = hashlib.sha256(), memoryview(bytearray(_PIECE))
    with path.open("rb", buffering=0) as handle:
        while read := handle.readinto(piece):
            own.update(piece[:read])
    return own.hexdigest()


def changed_since(store: Store, files: Collection[str]) -> Iterator[str]:
    """Give those of ``files`` that are no longer what ``store`` was made of; only what was touched later is read."""
    made = (store.path / "zarr.json").stat().st_mtime_ns
    for file, known in store.source_files.items():
        if file in files:
            now = Path(file).stat()
            if max(now.st_mtime_ns, now.st_ctime_ns) > made and checksum(Path(file)) != known:
                yield file


def _inside(folder: Path) -> list[Path]:
    """Return the files of ``folder`` by name; not those below it, and none that a desktop hides there."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
