"""Pieces of Markdown that pages made of code are put together from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, aligned: bool = False) -> str:
    """Return a table; ``aligned`` pads its columns, for a reader of the text itself."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in [header, *rows]]
    widths = [max(3, *(len(row[column]) for row in cells)) if aligned else 1 for column in range(len(header) - 1)]
    lines = [
        "| " + " | ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]) + " |" for row in cells
    ]
    rule = "|" + "|".join(["-" * (width + 2) for width in widths] + ["---"]) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def without_references(text: str) -> str:
    """Return the text of a docstring without the sections of the design it refers to, which no page has."""
    return re.sub(r"\s+\((?:method|protocols) §[^)]*\)", "", text)


def prose(text: str) -> str:
    """Return the text of a docstring as one line of Markdown."""
    return " ".join(without_references(text).replace("``", "`").split())


def page(*parts: str) -> str:
    """Join the parts of a page that are not empty."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def inline_yaml(value: Any) -> str:
    """Return a value as a spec would hold it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {inline_yaml(own)}" for key, own in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline_yaml, value))}]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
