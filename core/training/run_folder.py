"""The folder of one run and the names in it other programs rely on."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unistd.core.errors import UsageError
from unistd.core.training.checkpoint import CheckpointFolder
from unistd.core.training.durable import replace_file
from unistd.core.untrusted import json_object


class RunFolder:
    """``spec.json``, ``log.jsonl``, ``metrics.json``, ``checkpoints/`` and ``figures/`` of a run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = CheckpointFolder(path / "checkpoints")

    @property
    def log(self) -> Path:
        """Return where the log is."""
        return self.path / "log.jsonl"

    @property
    def figures(self) -> Path:
        """Return the folder of the pictures."""
        return self.path / "figures"

    def refuse_existing(self) -> None:
        """Make sure that a new run overwrites nothing.

        Raises:
            UsageError: The folder holds something already, or is a file.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"the output '{self.path}' is a file", help="name a folder")
        # A run killed while its record was written has nothing but that half record.
        if self.path.is_dir() and any(not path.name.startswith(".spec.json.") for path in self.path.iterdir()):
            is_run = (self.path / "spec.json").is_file()
            other = f"'-o output={self.path}-2' starts another one"
            raise UsageError(
                f"the run folder '{self.path}' exists and is not empty",
                help=f"'--resume' goes on with it; {other}" if is_run else other,
            )

    def create(self, record: dict[str, Any]) -> None:
        """Make the folder and write ``record`` as ``spec.json``.

        Raises:
            UsageError: The folder holds something already.
        """
        self.refuse_existing()
        self.path.mkdir(parents=True, exist_ok=True)
        self.write_json("spec.json", record)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from training in this folder; let go by the system when this one dies.

        Raises:
            UsageError: Another process trains in it, or it is no run folder.
        """
        self.read_record()  # only a run has something to lock
        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UsageError(
                    f"another process is training in '{self.path}'", help="wait for it, or choose another output"
                ) from error
            yield

    def read_record(self) -> dict[str, Any]:
        """Return what ``create`` wrote.

        Raises:
            UsageError: This is no run folder.
        """
        try:
            record = json_object((self.path / "spec.json").read_bytes())
            _check_record(record)
        except (OSError, ValueError) as error:
            why = "" if isinstance(error, FileNotFoundError) else f", {error}"
            raise UsageError(
                f"'{self.path}' is no run folder: no readable spec.json{why}",
                help="name the spec's 'output' folder of a started run",
            ) from error
        return record

    def write_json(self, name: str, value: Any) -> None:
        """Write ``value`` to the file ``name`` in one step."""
        replace_file(self.path / name, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def _check_record(record: dict[str, Any]) -> None:
    """See that what programs take from a record is of its type, whoever wrote it."""
    stores = record.get("stores", {})
    entries = list(stores.values()) if isinstance(stores, dict) else [stores]
    places = [own.get(key) if isinstance(own, dict) else None for own in entries for key in ("path", "digest")]
    texts = [record.get("trunk", ""), record.get("id", ""), *places]
    if not isinstance(record.get("spec"), dict):
        raise ValueError("it has no 'spec'")  # noqa: TRY004 - as a damaged file
    if not isinstance(stores, dict) or not all(isinstance(text, str) for text in texts):
        raise ValueError("its 'stores', 'trunk' or 'id' are not what a run writes")
