"""Which shards of a half-written store are whole, so that a conversion that was stopped goes on where it was."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.moments import Moments
from unistd.core.training.durable import replace_file

JOURNAL = "journal.jsonl"


class ShardReport(NamedTuple):
    """What was found out while a shard was written.

    Attributes:
        valid: (t,) values of each frame that are not missing.
        train: Moments of the training frames.
        digest: SHA-256 of the raw bytes.
    """

    valid: NDArray[np.int64]
    train: Moments | None
    digest: bytes


class Journal:
    """``journal.jsonl`` in the folder of a store that is being written: what its frames are, then a line a shard.

    Attributes:
        path: The file; a worker appends to it by ``note``.
        found: Shards that a conversion of the same frames left whole.
        other: Whether a conversion of other frames was there, of which nothing is left now.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """Keep what is whole and of this ``identity``; whatever else is in the folder is removed."""
        self.path, head = folder / JOURNAL, json.dumps(identity, sort_keys=True)
        lines = _lines(self.path)
        self.other = bool(lines) and lines[0] != head
        self._shards = {} if self.other else {file: line for line in lines[1:] if (file := _whole(line, folder))}
        self.found = len(self._shards)
        folder.mkdir(exist_ok=True)
        for left in [own for own in folder.rglob("*") if own.is_file()]:
            if left != self.path and left.relative_to(folder).as_posix() not in self._shards:
                left.unlink()
        replace_file(self.path, "".join(f"{line}\n" for line in (head, *self._shards.values())).encode())

    def take(self, file: str, key: str) -> ShardReport | None:
        """Return the report of the shard ``file`` if it is there and of frames ``key``; remove one of others."""
        if file not in self._shards:
            return None
        line = json.loads(self._shards.pop(file))
        if line["key"] != key:
            (self.path.parent / file).unlink()
            return None
        train = Moments(*(np.array(part) for part in line["train"])) if line["train"] else None
        return ShardReport(np.array(line["valid"]), train, bytes.fromhex(line["digest"]))

    def drop_the_rest(self) -> None:
        """Remove shards that nobody took, for which the store has no place."""
        for file in self._shards:
            (self.path.parent / file).unlink()


def note(journal: Path, file: str, key: str, report: ShardReport) -> None:
    """Write down that the disk has the shard ``file`` of frames ``key``; any process may call it."""
    size = (journal.parent / file).stat().st_size
    train = report.train and [part.tolist() for part in astuple(report.train)]
    line = {"file": file, "key": key, "bytes": size, "digest": report.digest.hex()}
    line |= {"valid": report.valid.tolist(), "train": train}
    with journal.open("a", encoding="utf-8") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)  # let go when the file is closed
        lines.write(json.dumps(line) + "\n")


def has_shards(folder: Path) -> bool:
    """Tell whether another conversion can take something over from ``folder``."""
    return len(_lines(folder / JOURNAL)) > 1


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def _whole(line: str, folder: Path) -> str | None:
    """Return the file of a shard that is there as it was noted."""
    try:
        noted = json.loads(line)
        return str(noted["file"]) if (folder / noted["file"]).stat().st_size == noted["bytes"] else None
    except (ValueError, TypeError, KeyError, OSError):  # cut off by a kill
        return None
