"""All tasks' errors beside persistence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unistd.core.evaluation.report import PERSISTENCE
from unistd.core.figures.style import TEXT, save

BETTER, WORSE = "#2f7d6d", "#c4683c"
MARKERS = "oDs^vPXd<>*ph8"


def results_png(path: Path, records: Mapping[str, Mapping[str, Any]], *, metric: str = "mse") -> None:
    """Draw each task's test error ÷ that of persistence as a bar, best first, and the other baselines as marks.

    Args:
        path: The PNG to write.
        records: ``task_record`` entries by task.
        metric: An error that all of them have.
    """
    ratios = {task: _ratios(record, metric) for task, record in records.items()}
    ordered = sorted(ratios, key=lambda task: _order(ratios[task]["model"]), reverse=True)
    figure = Figure(figsize=(8.6, 1.25 + 0.36 * len(ordered)), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    limit = _limit(ratios)
    for y, task in enumerate(ordered):
        _bar(axes, y, ratios[task]["model"], limit)
        _beyond(axes, y, ratios[task], limit)
    names = sorted({name for each in ratios.values() for name in each} - {"model"})
    for marker, name in zip(MARKERS, names, strict=False):
        known = [(ratios[task][name], y) for y, task in enumerate(ordered) if name in ratios[task]]
        _marks(axes, known, limit, marker, name)
    axes.axvline(1, color=TEXT, linewidth=1, linestyle=(0, (4, 3)), zorder=2, label=PERSISTENCE)
    axes.set_yticks(range(len(ordered)), ordered, fontsize=10, color=TEXT)
    axes.set_xlim(0, limit * 1.04)
    axes.set_xlabel(f"{metric} ÷ persistence, test split (lower is better)", fontsize=10, color=TEXT)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper right", ncols=5, fontsize=9, frameon=False)
    save(figure, path)


def _ratios(record: Mapping[str, Any], metric: str) -> dict[str, float]:
    baselines = record["baselines"]
    still = baselines[PERSISTENCE][metric]
    scores = {"model": record["test"][metric]} | {n: s[metric] for n, s in baselines.items() if n != PERSISTENCE}
    return {name: value / still if still else math.nan for name, value in scores.items()}


def _order(ratio: float) -> float:
    return ratio if math.isfinite(ratio) else math.inf


def _limit(ratios: Mapping[str, Mapping[str, float]]) -> float:
    """Return where the axis ends: past every model below 3 and every baseline below 1.6."""
    models = [each["model"] for each in ratios.values() if math.isfinite(each["model"])]
    others = [value for each in ratios.values() for value in each.values() if math.isfinite(value)]
    return max([1.1, min(max(models, default=1), 3) * 1.1, min(max(others, default=1), 1.6)])


def _bar(axes: Axes, y: int, ratio: float, limit: float) -> None:
    """Draw the model's bar, with its value in a column at the right."""
    known = math.isfinite(ratio)
    colour = BETTER if ratio < 1 else WORSE
    axes.barh(y, min(ratio, limit) if known else 0, height=0.62, color=colour, zorder=1)
    at = axes.get_yaxis_transform()
    axes.text(1.01, y, f"{ratio:.3f}", transform=at, va="center", fontsize=10, weight="bold", color=colour)


def _marks(axes: Axes, known: list[tuple[float, int]], limit: float, marker: str, name: str) -> None:
    """Mark a baseline's ratios within the axis."""
    x, y = [ratio if ratio <= limit else math.nan for ratio, _ in known], [y for _, y in known]  # a NaN is not drawn
    axes.scatter(x, y, marker=marker, s=34, color="white", edgecolor=TEXT, label=name, zorder=3)


def _beyond(axes: Axes, y: int, ratios: Mapping[str, float], limit: float) -> None:
    """Write the baselines beyond the axis at its end, with their values."""
    far = sorted((ratio, name) for name, ratio in ratios.items() if name != "model" and ratio > limit)
    if far:
        text = ", ".join(f"{name} {ratio:.2f}" for ratio, name in far) + " ›"
        axes.text(limit * 1.03, y, text, ha="right", va="center", fontsize=8, color=TEXT, zorder=3)
