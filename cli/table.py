"""Plain columns; a script can cut them, a terminal can show them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from textwrap import wrap

NARROWEST = 20  # columns the last cell is wrapped to at the least


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows below a header, each column as wide as its widest cell; an empty cell is written ``-``.

    On a terminal the last column is wrapped to what is left of the line; elsewhere every row stays on one line.
    """
    cells = [list(header), *([cell or "-" for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    before = sum(widths[:-1]) + 2 * (len(widths) - 1)
    room = max(NARROWEST, shutil.get_terminal_size().columns - before) if sys.stdout.isatty() else widths[-1]
    lines = []
    for row in cells:
        first, *others = wrap(row[-1], max(room, 1), break_on_hyphens=False) or [""]
        lines.append("  ".join([*(c.ljust(w) for c, w in zip(row, widths[:-1], strict=False)), first]).rstrip())
        lines += [" " * before + other for other in others]
    return "\n".join(lines)
