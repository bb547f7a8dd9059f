"""Variants side by side: one panel a task, one line a variant."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from unistd.core.comparison.summary import MEAN, Row, Summary
from unistd.core.figures.style import TEXT, save
from unistd.core.task import Split

COLOURS = {"best": "#2f7d6d", "jointly": "#4c6f94", "each task alone": "#b08b4f"}
DASHES = (0, (4, 3))
ACROSS = 4


def comparison_png(path: Path, summary: Summary, split: Split) -> None:
    """Draw error ÷ persistence of every row by task and on average, every seed as a dot; lower is better.

    Args:
        path: The PNG to write.
        summary: What is drawn; the heads-only control, if there is one, is a dashed line through every panel.
        split: What was scored.
    """
    columns = [MEAN, *summary.tasks]
    rows = list(summary.rows)[::-1]
    across = min(ACROSS, len(columns))
    down = ceil(len(columns) / across)
    size = (1.9 + 2.9 * across, 0.5 + down * (0.9 + 0.27 * len(rows)))
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    panels = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    for axes, column in zip(panels, columns, strict=False):
        _panel(axes, summary, rows, column)
    for axes in panels[len(columns) :]:
        axes.set_visible(False)
    figure.supxlabel(f"mse ÷ persistence, {split} split (lower is better)", fontsize=10, color=TEXT)
    marks = [Line2D([], [], color=colour, linewidth=2.5, label=name) for name, colour in COLOURS.items()]
    if summary.by_control():
        marks.append(Line2D([], [], color=TEXT, linewidth=0.8, linestyle=DASHES, label="heads alone"))
    figure.legend(handles=marks, loc="outside upper right", ncols=len(marks), fontsize=9, frameon=False)
    save(figure, path)


def _panel(axes: Axes, summary: Summary, rows: Sequence[Row], column: str) -> None:
    winner = summary.winner(column)
    for y, row in enumerate(rows):
        value = row.errors[column]
        colour = COLOURS["best" if row is winner else "each task alone" if row.alone else "jointly"]
        axes.scatter(list(value.seeds.values()), [y] * len(value.seeds), s=14, color=colour, alpha=0.5, zorder=2)
        axes.plot([value.mean] * 2, [y - 0.3, y + 0.3], color=colour, linewidth=2.5, zorder=3)
        if row.variant == summary.control and not row.alone:
            axes.axvline(value.mean, color=TEXT, linewidth=0.8, linestyle=DASHES, zorder=1)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=9, color=TEXT)
    axes.set_title(column, fontsize=10, color=TEXT, weight="bold" if column == MEAN else "normal")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.locator_params(axis="x", nbins=4)
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
