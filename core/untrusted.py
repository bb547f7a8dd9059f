"""What files from strangers are not believed: names that lead elsewhere, sizes no file can hold, JSON without end.

No file is ever unpickled and no text from one is run, so what is left are these. Imports no numpy.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from unistd.core.data.memory import available_memory
from unistd.core.errors import DataError

MAX_JSON = 2**27
"""Bytes of one JSON file; a store's, with the hashes of a million raw files, is the largest with some 100 MB."""
MAX_DEPTH = 64
"""Brackets within brackets of JSON; a spec has up to ten, and Python's reader ends the program at a thousand."""
MAX_INFLATION = 2**15
"""Bytes of an array ÷ bytes of its file; zstd's shortest block, 4 bytes for 128 KiB of one value, reaches it."""
MAX_SPARSE = 2**32
"""Bytes of an array that any file may speak of: what was never written is a fill value and takes no room."""
MAX_LIST = 2**24
"""Bytes of a list of files or frames that comes with a data set; the longest official one has 5 MB."""


def json_object(data: bytes) -> dict[str, Any]:
    """Return the object that ``data`` is the JSON of.

    Raises:
        ValueError: It is no JSON, no object, or over a limit.
    """
    found = json_value(data)
    if not isinstance(found, dict):
        raise ValueError(f"it holds a {type(found).__name__} instead of an object")  # noqa: TRY004 - as json does
    return found


def json_value(data: bytes) -> Any:
    """Return the value that ``data`` is the JSON of.

    Raises:
        ValueError: It is no JSON, or over a limit.
    """
    if len(data) > MAX_JSON:
        raise ValueError(f"it has {len(data)} bytes, the limit is {MAX_JSON}")
    try:
        found = json.loads(data)
    except RecursionError as error:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH}") from error
    level = [found]
    for _ in range(MAX_DEPTH):
        if not level:
            return found
        level = [child for parent in level for child in _children(parent)]
    raise ValueError(f"it is nested deeper than {MAX_DEPTH}")


def _children(value: Any) -> Iterable[Any]:
    held: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [child for child in held if isinstance(child, dict | list)]


def leads_out(name: str) -> bool:
    """Tell whether ``name``, put after a folder, may be outside of it: an absolute path, or one with ``..``."""
    paths = PurePosixPath(name), PureWindowsPath(name)
    return "\0" in name or any(path.is_absolute() or path.drive or ".." in path.parts for path in paths)


def check_size(shape: Iterable[int], itemsize: int, stored: int, path: Path, what: str = "the array") -> int:
    """Return the bytes of an array of ``shape`` that is in ``stored`` bytes of ``path``.

    Raises:
        DataError: No compression holds that many in so few.
    """
    shape = tuple(shape)
    size = math.prod(shape) * itemsize
    if size > max(stored * MAX_INFLATION, MAX_SPARSE):
        message = f"{what} is said to have shape '{shape}', {size} bytes, in {stored} bytes of file"
        raise DataError(message, where=str(path), help="its head is damaged or made up; get the file again")
    return size


def check_room(size: int, path: Path, what: str) -> None:
    """Make sure that ``size`` bytes, which have to be held at once, fit into the memory that is free.

    Raises:
        DataError: They do not.
    """
    if size > (free := available_memory()):
        message = f"{what} takes '{size}' bytes at once, {free} are free"
        raise DataError(
            message, where=str(path), help="divide it into smaller files, or use a machine with more memory"
        )


def read_list(path: Path) -> str:
    """Return the text of a list of names that comes with a data set.

    Raises:
        DataError: It is larger than any such list, or no text.
    """
    if (size := path.stat().st_size) > MAX_LIST:
        message = f"the list has '{size}' bytes, the limit is {MAX_LIST}"
        raise DataError(message, where=str(path), help="is it the right file? A list has one name a line")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"the list is not UTF-8 at byte {error.start}", where=str(path), help="get it again") from error
