"""A contract asked without pytest."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from unistd.core.errors import UsageError


class Asked(NamedTuple):
    """One check of a contract: its name, and what was wrong, ``None`` for nothing."""

    check: str
    error: Exception | None


def ask(contract: object, leave_out: Collection[str] = ()) -> Iterator[Asked]:
    """Ask every check of ``contract``, an instance of a contract with its ``make``, but those to ``leave_out``.

    Raises:
        UsageError: Python was started with ``-O``, so that nothing would be asserted.
    """
    if not __debug__:
        raise UsageError("'python -O' takes out every check of a contract", help="run it without -O")
    for name, check in inspect.getmembers(contract, inspect.ismethod):
        if name.startswith("test_") and name not in leave_out:
            yield Asked(name, _error(check))


def _error(check: Any) -> Exception | None:
    with TemporaryDirectory() as folder:
        wanted = {"tmp_path": Path(folder)} if "tmp_path" in inspect.signature(check).parameters else {}
        try:
            check(**wanted)
        except Exception as error:
            return error
    return None
