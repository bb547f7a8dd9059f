"""Where in a plug-in's own code an error, or an import, comes from."""

from __future__ import annotations

import linecache
import re
import sys
import traceback
from collections.abc import Iterable
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import FrameType, ModuleType
from typing import Self


def own_frame(error: BaseException, module: str) -> str:
    """Return ``file:line`` of the innermost frame that belongs to the package of ``module``, or ``module``."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(error.filename, _top(module))}:{error.lineno}"
    return _innermost(traceback.walk_tb(error.__traceback__), module)


def declared_at(module: ModuleType, pattern: str) -> str:
    """Return ``file:line`` of the first line of ``module`` that begins with ``pattern``, or its name."""
    file = module.__file__ or ""
    for number, line in enumerate(linecache.getlines(file), start=1):
        if re.match(pattern, line):
            return f"{_short(file, _top(module.__name__))}:{number}"
    return module.__name__


class TorchWatch(MetaPathFinder):
    """While it is entered, notices that torch is imported for the first time, and where ``module`` asked for it.

    Attributes:
        where: ``file:line`` of the innermost frame that belongs to the package of ``module``; empty for no import.
    """

    def __init__(self, module: str) -> None:
        self.module, self.where = module, ""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Find nothing; see what is looked for."""
        del path, target
        if fullname == "torch" and not self.where:
            frames = reversed(list(traceback.walk_stack(sys._getframe())))
            self.where = _innermost(frames, self.module)

    def __enter__(self) -> Self:
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *error: object) -> None:
        sys.meta_path.remove(self)


def _innermost(frames: Iterable[tuple[FrameType, int]], module: str) -> str:
    """Return ``file:line`` of the last of ``frames``, outermost first, in the package of ``module``, or ``module``."""
    top = _top(module)
    root = module if top == "unistd" else top
    own = module
    for frame, line in frames:
        name = frame.f_globals.get("__name__", "")
        if name == root or name.startswith(f"{root}."):
            own = f"{_short(frame.f_code.co_filename, top)}:{line}"
    return own


def _top(module: str) -> str:
    return module.partition(".")[0]


def _short(filename: str, top: str) -> str:
    """Cut what lies before the package ``top`` off a file's path."""
    parts = Path(filename).parts
    if top in parts:
        parts = parts[len(parts) - 1 - parts[::-1].index(top) :]
        return "/".join(parts)
    return parts[-1]
