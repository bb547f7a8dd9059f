"""Ranks and use of a run's experts, in figures of one character each, from the rows of its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BARS = "▁▂▃▄▅▆▇█"
TASKS_ABREAST = 5  # what fits a terminal of 80 columns

Row = Mapping[str, Any]


def rank_lines(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Return site and role, sum, and each expert's last rank with its way there, from the ``ranks`` rows of a log."""
    shown = [rows[round(i * (len(rows) - 1) / 4)] for i in range(5)]
    seen = [rank for row in rows for own in row["ranks"].values() for rank in own]
    low, width = min(seen), max(max(seen) - min(seen), 1e-9)
    lines = []
    for name, last in rows[-1]["ranks"].items():
        ways = zip(*(row["ranks"][name] for row in shown), strict=True)
        experts = [
            f"{_short(rank)}{''.join(_bar((r - low) / width) for r in way)}"
            for rank, way in zip(last, ways, strict=True)
        ]
        lines.append((short_name(name), _short(sum(last)), " ".join(experts)))
    return lines


def use_tables(row: Row) -> list[tuple[list[str], list[tuple[str, ...]]]]:
    """Return header and lines of tables of a few tasks each, from the ``experts`` row of one validation.

    A cell has a bar for each expert, half high at an equal share, and the entropy of the weights: 1 all equal.
    """
    tasks = list(row["tasks"])
    tables = []
    for first in range(0, len(tasks), TASKS_ABREAST):
        some = tasks[first : first + TASKS_ABREAST]
        names = dict.fromkeys(name for task in some for name in row["tasks"][task])
        lines = [(short_name(name), *(_use(row["tasks"][task].get(name)) for task in some)) for name in names]
        tables.append((["layer role", *some], lines))
    return tables


def short_name(name: str) -> str:
    """Return ``0 q`` for ``layers.0.attn.qkv.q``: what is left of a name when the same words are left out.

    ``0 q +1`` are the experts that tasks added first brought along, ``layers.0.attn.qkv.added.0.q``.
    """
    words = name.split(".")
    layer = next((word for word in words if word.isdigit()), "")
    added = f"+{int(words[words.index('added') + 1]) + 1}" if "added" in words else ""
    return f"{layer} {words[-1]} {added}".strip()


def _use(use: Row | None) -> str:
    if use is None:
        return ""
    weights = use["weights"]
    return f"{''.join(_bar(weight * len(weights) / 2) for weight in weights)} {use['entropy']:.2f}"


def _bar(share: float) -> str:
    return BARS[min(max(round(share * (len(BARS) - 1)), 0), len(BARS) - 1)]


def _short(rank: float) -> str:
    return f"{rank:.1f}".removesuffix(".0")
