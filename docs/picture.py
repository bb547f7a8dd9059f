"""Draws ``docs/images/path.png``, a frame's way through the model; run ``python -P docs/picture.py``."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

INK, SOFT, FROZEN, LEARNS = "#24292f", "#6e7781", "#e7ebef", "#cfe6df"
TASKS = (("traffic", "(B, 8, 2, 16, 12)", "(B, 4, 2, 16, 12)", "#2f7d6d"),)
TASKS += (("motion", "(B, 10, 1, 32, 32)", "(B, 10, 1, 32, 32)", "#c4683c"),)
TASKS += (("weather", "(B, 6, 2, 24, 36)", "(B, 6, 2, 24, 36)", "#3d6fb4"),)
ROWS = (43, 29, 15)


def draw() -> Figure:
    """Return the picture: tasks at the left, the shared trunk in the middle, forecasts at the right."""
    figure = Figure(figsize=(11.5, 6.0), dpi=130)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 115)
    axes.set_ylim(0, 60)
    axes.axis("off")
    for (name, past, future, colour), y in zip(TASKS, ROWS, strict=True):
        box(axes, (2, y, 17, 9), name, past, edge=colour, fill="white")
        box(axes, (22.5, y, 13, 9), "head", "encode", edge=colour, fill=LEARNS)
        box(axes, (80.5, y, 13, 9), "head", "decode", edge=colour, fill=LEARNS)
        box(axes, (97, y, 16, 9), "forecast", future, edge=colour, fill="white")
        for start, end in ((19, 22.5), (93.5, 97)):
            arrow(axes, (start, y + 4.5), (end, y + 4.5), colour)
        arrow(axes, (35.5, y + 4.5), (41, 33.5 + (y - 29) * 0.35), colour)
        arrow(axes, (75, 33.5 + (y - 29) * 0.35), (80.5, y + 4.5), colour)
    trunk(axes)
    stages(axes)
    return figure


def trunk(axes: Axes) -> None:
    """Draw one block of the trunk with what learns beside its frozen maps."""
    box(axes, (41, 10, 34, 46), "", "", edge=SOFT, fill="#f6f8fa")
    axes.text(58, 53.2, "one trunk for all tasks", ha="center", va="center", fontsize=11, weight="bold", color=INK)
    axes.text(58, 50.4, "in each of its blocks:", ha="center", va="center", fontsize=9, color=SOFT)
    box(axes, (43.5, 35, 13.5, 13), "attention", "q k v proj", edge=SOFT, fill=FROZEN)
    box(axes, (59.5, 35, 13.5, 13), "experts", "a router weighs\nthem per token", edge=SOFT, fill=LEARNS)
    axes.text(58.25, 41.5, "+", ha="center", va="center", fontsize=13, color=INK)
    box(axes, (43.5, 24, 29.5, 7.5), "temporal module", "starts as the identity", edge=SOFT, fill=LEARNS)
    box(axes, (43.5, 13, 29.5, 7.5), "MLP", "", edge=SOFT, fill=FROZEN)
    for start, end in ((35, 31.5), (24, 20.5)):
        arrow(axes, (58.25, start), (58.25, end), SOFT)


def stages(axes: Axes) -> None:
    """Write below each stage what its tensors are."""
    for x, first, second in (
        (10.5, "frames, normalised", "(B, T, C, H, W)"),
        (29, "tokens on an h × w grid", "(B, N, D)"),
        (58, "tokens + their place", "(B, N, D) → (B, N, D)"),
        (87, "tokens back to pixels", "(B, T', C', H, W)"),
        (105, "physical units again", "(B, T', C', H, W)"),
    ):
        axes.text(x, 7.6, first, ha="center", va="center", fontsize=9, color=INK)
        axes.text(x, 5.2, second, ha="center", va="center", fontsize=9, color=INK, family="monospace")
    for x, fill, text in ((40, FROZEN, "frozen"), (53, LEARNS, "learns; heads are each task's own")):
        axes.add_patch(FancyBboxPatch((x, 0.9), 2, 1.6, boxstyle="round,pad=0,rounding_size=0.4", fc=fill, ec=SOFT))
        axes.text(x + 3, 1.7, text, va="center", fontsize=9, color=SOFT)


def box(axes: Axes, place: tuple[float, float, float, float], title: str, text: str, *, edge: str, fill: str) -> None:
    """Draw a box at ``place`` (x, y, width, height) with a title and a line below."""
    x, y, width, height = place
    shape = "round,pad=0,rounding_size=0.9"
    axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=shape, fc=fill, ec=edge, lw=1.4))
    middle = (x + width / 2, y + height / 2)
    shift = 1.6 if text else 0
    axes.text(middle[0], middle[1] + shift, title, ha="center", va="center", fontsize=10.5, weight="bold", color=INK)
    axes.text(middle[0], middle[1] - shift, text, ha="center", va="center", fontsize=8.2, color=INK)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    """Draw an arrow."""
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_name("images") / "path.png", facecolor="white")
