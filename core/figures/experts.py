"""How ranks moved and how tasks use the experts, expert by expert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from unistd.core.evaluation.expert_report import short_name
from unistd.core.figures.style import MISSING, TEXT, save

Row = Mapping[str, Any]


def experts_png(path: Path, ranks: Sequence[Row], use: Row | None) -> None:
    """Draw a line of pixels for each expert, grouped by layer and role: its rank over the steps, the weight each task
    gives it, and how evenly the task weighs its group.

    Args:
        path: The PNG to write.
        ranks: The ``ranks`` rows of a log; none where no rank was learned.
        use: The ``experts`` row of one validation; ``None`` where no router weighs any.
    """
    tasks = list(use["tasks"]) if use else []
    groups = _groups(ranks, use)
    count = sum(groups.values())
    figure = Figure(figsize=(9.2, 1.4 + min(max(0.075 * count, 2.2), 14)), dpi=110, layout="constrained")
    panels = ([4] if ranks else []) + ([0.45 * len(tasks) + 0.8] * 2 if tasks else [])
    places = iter(figure.subplots(1, len(panels), sharey=True, squeeze=False, width_ratios=panels)[0])
    if ranks:
        axes = next(places)
        steps = [row["step"] for row in ranks]
        values = np.array([[rank for name in groups for rank in _ranks(row, name, groups)] for row in ranks]).T
        _heat(figure, axes, values, "viridis", (0, np.nanmax(values)), "rank")
        at = np.unique(np.linspace(0, len(steps) - 1, 5).round().astype(int))
        axes.set_xticks(at, [str(steps[i]) for i in at], fontsize=8)
        axes.set_title("rank over the steps", fontsize=10, color=TEXT)
    if use and tasks:
        weights = _by_task(use, groups, lambda own: np.array(own["weights"]) * len(own["weights"]))
        evenness = _by_task(use, groups, lambda own: np.full(len(own["weights"]), own["entropy"]))
        for values, colours, limits, title in (
            (weights, "RdBu_r", (0, 2), "weight ÷ equal share"),
            (evenness, "cividis", (0, 1), "gate entropy"),
        ):
            axes = next(places)
            _heat(figure, axes, values, colours, limits, "")
            axes.set_xticks(range(len(tasks)), tasks, rotation=60, ha="right", fontsize=8)
            axes.set_title(title, fontsize=10, color=TEXT)
    _name_groups(figure.axes[0], groups)
    save(figure, path)


def _groups(ranks: Sequence[Row], use: Row | None) -> dict[str, int]:
    """Return the number of experts of each site and role."""
    counts = {name: len(own) for name, own in ranks[-1]["ranks"].items()} if ranks else {}
    for task in (use or {"tasks": {}})["tasks"].values():
        counts |= {name: len(own["weights"]) for name, own in task.items() if name not in counts}
    return counts


def _ranks(row: Row, name: str, groups: Mapping[str, int]) -> list[float]:
    return list(row["ranks"].get(name, [np.nan] * groups[name]))


def _by_task(use: Row, groups: Mapping[str, int], values: Any) -> NDArray[np.float64]:
    columns = [
        np.concatenate([values(task[name]) if name in task else np.full(n, np.nan) for name, n in groups.items()])
        for task in use["tasks"].values()
    ]
    return np.stack(columns, axis=1)


def _heat(
    figure: Figure, axes: Axes, values: NDArray[np.float64], colours: str, limits: tuple[float, float], label: str
) -> None:
    shown = axes.imshow(
        np.ma.masked_invalid(values),
        cmap=colormaps[colours].with_extremes(bad=MISSING),
        vmin=limits[0],
        vmax=limits[1],
        aspect="auto",
        interpolation="nearest",
    )
    bar = figure.colorbar(shown, ax=axes, location="bottom", aspect=12, pad=0.02)
    bar.ax.tick_params(labelsize=8, colors=TEXT)
    bar.set_label(label, fontsize=8, color=TEXT)


def _name_groups(axes: Axes, groups: Mapping[str, int]) -> None:
    edges = np.cumsum([0, *groups.values()])
    axes.set_yticks((edges[:-1] + edges[1:] - 1) / 2, [short_name(name) for name in groups], fontsize=7, color=TEXT)
    for own in axes.figure.axes:
        own.tick_params(axis="y", length=0)
        if own.images:
            for edge in edges[1:-1]:
                own.axhline(edge - 0.5, color="white", linewidth=0.8)
