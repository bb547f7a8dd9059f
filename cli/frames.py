"""Tracebacks without the frames of the libraries that only pass a call on."""

from __future__ import annotations

from pathlib import PurePath
from traceback import StackSummary, TracebackException

PASSING = {"click", "pydantic", "pydantic_core", "pluggy", "importlib"}


def cut_traceback(error: BaseException) -> str:
    """Return the traceback of ``error`` and its causes, less what lies in click, pydantic, pluggy and importlib."""
    told = TracebackException.from_exception(error)
    link: TracebackException | None = told
    while link is not None:
        useful = [frame for frame in link.stack if not _passes(frame.filename)]
        link.stack = StackSummary.from_list(useful or link.stack)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "".join(told.format()).rstrip()


def _passes(filename: str) -> bool:
    return filename.startswith("<frozen") or not PASSING.isdisjoint(PurePath(filename).parts)
