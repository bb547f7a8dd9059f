"""Errors that say what is wrong, where, and what to do about it."""

from __future__ import annotations


class UnistdError(Exception):
    """Root of every error unistd raises on purpose.

    ``message`` says what is wrong with the offending value in single quotes, ``where`` is ``file:line:col``, a path
    or a plug-in with its version, ``help`` is the next command or the nearest valid value. ``exit_code`` is what the
    command line leaves with: 1 the run failed, 2 spec or usage, 3 plug-in or environment.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str = "", help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.help = help

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        return f"{head}\n  help: {self.help}" if self.help else head


class UsageError(UnistdError):
    """The command, spec or argument is wrong; nothing was started."""

    exit_code = 2


class DataError(UnistdError):
    """Raw files or a store are missing, unreadable or not what they were declared to be."""


class CheckpointError(UnistdError):
    """A checkpoint cannot be written, is damaged, or belongs to another run."""


class ModelError(UnistdError):
    """Parts of a model do not fit one another or the data."""
