"""A spec's text as data with the overrides on top, and the place of every value for messages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unistd.core.errors import UsageError
from unistd.registry.issues import Issue, Source, Span
from unistd.registry.reader import Keys, Reader

MAX_BYTES = 1_000_000


class Document:
    """Plain data, the place of every value in it, and the overrides that were put on top.

    Args:
        source: The text.

    Raises:
        SpecError: The text is not YAML, holds a key twice or a tag, or is over a limit.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._reader = Reader(source)
        self.data = self._reader.document()
        self._overrides: dict[Keys, str] = {}

    @classmethod
    def open(cls, path: Path, overrides: Iterable[str] = (), noun: str = "spec") -> Document:
        """Read a file, which messages call ``noun``, and put ``key=value`` overrides on top.

        Raises:
            UsageError: The file is unreadable, larger than 1 MB or not UTF-8, or an override cannot be placed.
            SpecError: As the class.
        """
        document = cls(_read(path, noun))
        for override in overrides:
            document.override(override)
        return document

    def override(self, text: str) -> None:
        """Set one value, given as ``training.optimizer.lr=3e-4``; the value is YAML.

        Raises:
            UsageError: It is no ``key=value``, or a key on the way holds something that has no keys.
            SpecError: The value is no YAML.
        """
        dotted, equals, value = text.partition("=")
        if not equals or not all(dotted.split(".")):
            raise UsageError(f"override '{text}' is not of the form key=value", help="-o training.optimizer.lr=3e-4")
        target = self.data
        keys: list[str | int] = []
        for part in dotted.split("."):
            if keys:
                target = _enter(target, keys[-1])
            if not isinstance(target, dict | list):
                raise UsageError(f"override '{text}' cannot be set: '{'.'.join(map(str, keys))}' has no keys")
            keys.append(_key(target, part, text))
        target[keys[-1]] = Reader(Source("<override>", value)).document()
        self._overrides[tuple(keys)] = text

    def issue(self, keys: Keys, message: str, help: str = "", *, key: bool = False) -> Issue:
        """Make an issue that points at the value under ``keys`` (or its ``key``), or at what should hold it."""
        for placed, text in reversed(self._overrides.items()):
            made = keys == placed[: len(keys)] and not self._reader.holds(keys)
            if made or placed == keys[: len(placed)]:
                return Issue(message, Span(1, 1), help, text)
        return Issue(message, self._reader.span(keys, key=key), help)

    def where(self, keys: Keys) -> str:
        """Return ``file:line:col`` of the value under ``keys``, or ``<override>``."""
        issue = self.issue(keys, "")
        return "<override>" if issue.override else f"{self.source.name}:{issue.span.line}:{issue.span.column}"


def _read(path: Path, noun: str) -> Source:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"the {noun} cannot be read: {error.strerror}", where=str(path)) from error
    if len(raw) > MAX_BYTES:
        raise UsageError(f"the {noun} has {len(raw)} bytes; the limit is {MAX_BYTES}", where=str(path))
    try:
        return Source(str(path), raw.decode("utf-8-sig"), noun)
    except UnicodeDecodeError as error:
        raise UsageError(f"the {noun} is not UTF-8 at byte {error.start}", where=str(path)) from error


def _key(target: dict[str, Any] | list[Any], part: str, text: str) -> str | int:
    if isinstance(target, dict):
        return part
    if part.isdecimal() and int(part) < len(target):
        return int(part)
    raise UsageError(f"override '{text}' cannot be set: the list has {len(target)} items, none is '{part}'")


def _enter(target: Any, key: str | int) -> Any:
    """Go one key down; what is missing or null on the way becomes a mapping, and so does a bare name."""
    if isinstance(target, dict) and target.get(str(key)) is None:
        target[str(key)] = {}
    elif isinstance(target[key], str) and key != "kind":  # a component by its bare name
        target[key] = {"kind": target[key]}
    return target[key]
