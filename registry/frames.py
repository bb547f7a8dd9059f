"""Where in a plug-in's own code an error comes from."""

from __future__ import annotations

import traceback
from pathlib import Path


def own_frame(error: BaseException, module: str) -> str:
    """Return ``file:line`` of the innermost frame that belongs to the package of ``module``, or ``module``."""
    top = module.partition(".")[0]
    root = module if top == "unistd" else top
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(error.filename, top)}:{error.lineno}"
    own = module
    for frame, line in traceback.walk_tb(error.__traceback__):
        name = frame.f_globals.get("__name__", "")
        if name == root or name.startswith(f"{root}."):
            own = f"{_short(frame.f_code.co_filename, top)}:{line}"
    return own


def _short(filename: str, top: str) -> str:
    """Cut what lies before the package ``top`` off a file's path."""
    parts = Path(filename).parts
    if top in parts:
        parts = parts[len(parts) - 1 - parts[::-1].index(top) :]
        return "/".join(parts)
    return parts[-1]
