"""Fuzzing guided by the branches that are reached, with atheris: ``make fuzz``.

Stops at the first input that a reader answers with anything but a ``UnistdError``, and keeps it as ``crash-*``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris  # not a dependency: make fuzz installs it

with atheris.instrument_imports(include=["unistd"]):
    from unistd.core.errors import UnistdError
    from unistd.core.training.run_folder import RunFolder
    from unistd.plugins.motion.tfrecord import bytes_features
    from unistd.registry.document import Document
    from unistd.registry.import_card import load_card

FOLDER = Path(tempfile.mkdtemp())


def _path(data: bytes, name: str) -> Path:
    path = FOLDER / name
    path.write_bytes(data)
    return path


def _record(data: bytes) -> None:
    _path(data, "spec.json")
    RunFolder(FOLDER).read_record()


def _example(data: bytes) -> None:
    try:
        bytes_features(data)
    except ValueError:  # what it is declared to raise
        return


READERS = {
    "yaml": lambda data: Document.open(_path(data, "a.yaml")),
    "card": lambda data: load_card(_path(data, "a.yaml")),
    "record": _record,
    "example": _example,
}


def main() -> None:
    """Fuzz the reader named first, as in ``guided.py card``; all other arguments are libFuzzer's: ``-runs=100000``."""
    if len(sys.argv) < 2 or sys.argv[1] not in READERS:
        raise SystemExit(f"name one of {', '.join(READERS)}")
    read = READERS[sys.argv.pop(1)]

    def once(data: bytes) -> None:
        try:
            read(data)
        except UnistdError as error:
            str(error).encode()

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
