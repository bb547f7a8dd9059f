"""``log.jsonl``: one JSON object per line, in order of steps."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from unistd.core.training.durable import replace_file

Row = Mapping[str, Any]
"""What a line says: its ``event``, the ``step`` it is of, and more by the kind of event."""


class JsonLines:
    """Appends rows; ``resume_at`` first drops rows of steps that will be done again, so that one clean curve
    remains. ``copy`` is called with every row as well. Without ``path`` nothing is written or copied.
    """

    def __init__(
        self, path: Path | None, resume_at: int | None = None, copy: Callable[[Row], None] | None = None
    ) -> None:
        self._copy = copy
        self._file: IO[str] | None = None
        if path is None:
            return
        if resume_at is not None and path.exists():
            kept = [line for line in path.read_text().splitlines() if _step(line) <= resume_at]
            replace_file(path, "".join(f"{line}\n" for line in kept).encode())
        self._file = path.open("a", encoding="utf-8")

    def write(self, event: str, step: int, **values: Any) -> None:
        """Append a row and hand it to the operating system."""
        if self._file is None:
            return
        row = {"event": event, "step": step, **values}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        if self._copy:
            self._copy(row)

    def sync(self) -> None:
        """Wait until the disk has all rows; a checkpoint that outlived them would leave a gap."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _step(line: str) -> float:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return float("inf")  # a line cut off by a kill


def read_rows(path: Path, *events: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each of ``events`` in the log at ``path``, in order; a line cut off by a kill is left out."""
    found: dict[str, list[dict[str, Any]]] = {event: [] for event in events}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        if _step(line) != float("inf") and (row := json.loads(line)).get("event") in found:
            found[row["event"]].append(row)
    return found
