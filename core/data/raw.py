"""Where a task's raw files lie."""

from __future__ import annotations

import os
from pathlib import Path

from unistd.core.errors import DataError
from unistd.core.untrusted import leads_out


def data_folders() -> list[Path]:
    """Return the folders that data is kept in, whether they are there or not."""
    if kept := os.environ.get("UNISTD_DATA"):
        return [Path(kept).expanduser()]
    return [Path("data"), Path("..", "shared", "data")]


def raw_folder(root: Path | None, name: str) -> Path:
    """Return the folder of raw files: ``root``, else ``name`` where data is kept.

    Data is kept in ``$UNISTD_DATA`` (and nowhere else, once that is set), or in ``data`` or ``../shared/data`` of the
    working folder.

    Raises:
        DataError: There is no such folder; names the places looked at.
    """
    places = [root.expanduser()] if root is not None else [kept / name for kept in data_folders()]
    for place in places:
        if place.is_dir():
            return place
    looked = " and ".join(f"'{place.absolute()}'" for place in places)
    raise DataError(
        f"no folder with the raw files '{name}': looked at {looked}",
        help="give the folder as the task's 'root', or the folder above it as UNISTD_DATA in the environment",
    )


def raw_file(folder: Path, name: str) -> Path:
    """Return the file ``name`` in ``folder``; ``name`` may come from a list that came with the data.

    Raises:
        DataError: It is not there, or the name leads out of the folder; names the file.
    """
    if leads_out(name):
        message = f"'{name[:200]}' leads out of the folder of the raw files"
        raise DataError(message, where=str(folder), help="lists name files below that folder; fetch the list again")
    path = folder / name
    if not path.is_file():
        present = ", ".join(sorted(entry.name for entry in folder.iterdir())[:8]) or "nothing"
        raise DataError(f"no file '{name}'", where=str(path), help=f"the folder holds {present}")
    return path
