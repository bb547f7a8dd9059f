"""One window as a strip of frames."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from unistd.core.figures.style import (
    TEXT,
    Frames,
    Origin,
    Scale,
    colour_bar,
    error,
    error_label,
    error_scale,
    is_rgb,
    lead_label,
    picture,
    save,
    show,
    unit_label,
    value_scale,
)
from unistd.core.task import TaskCard

COLUMNS = 8  # more would be too small to read in a page
WIDTH = 10.0  # inches, as the lengths round the frames
TALLEST = 1.6
LEFT, RIGHT, GAP, HEAD = 0.35, 0.95, 0.06, 0.28


class Row(NamedTuple):
    """Frames (t, H, W) or (t, H, W, 3) side by side, with a label over each or none."""

    name: str
    frames: Frames
    labels: list[str]
    scale: Scale


def strip_png(
    path: Path,
    past: Frames,
    truth: Frames | None,
    forecast: Frames,
    card: TaskCard,
    *,
    channel: int = 0,
    origin: Origin = "upper",
    title: str = "",
) -> None:
    """Draw one window as rows of frames over time: input, truth, forecast and error (forecast − truth).

    Values share one colour scale, taken from input and truth; missing pixels are grey. Of more than 8 frames, 8 spread
    evenly are shown. Three channels of one unit with a value range are drawn as colours, whatever ``channel`` is.

    Args:
        path: The PNG to write.
        past: (T, C, H, W) in physical units, NaN where missing.
        truth: (T', C, H, W), or ``None`` where the future is not known.
        forecast: (T', C, H, W).
        card: The task's card, for units and times.
        channel: Which channel is drawn.
        origin: Where the first row of a frame is.
        title: The task and channel by default.
    """
    known = past[:, channel] if truth is None else np.concatenate([past[:, channel], truth[:, channel]])
    scale = value_scale(known, card)
    future = _spread(len(forecast))
    inputs = _spread(len(past))
    rows = [Row("input", picture(past[inputs], card, channel), _labels(inputs - len(past) + 1, card), scale)]
    leads = _labels(future + 1, card)
    if truth is not None:
        rows.append(Row("truth", picture(truth[future], card, channel), leads, scale))
    rows.append(Row("forecast", picture(forecast[future], card, channel), leads if truth is None else [], scale))
    if truth is not None:
        errors = error(forecast, truth, card, channel)
        rows.append(Row("error", errors[future], [], error_scale(errors)))
    save(_draw(rows, card, channel, origin, title or heading(card, channel)), path)


def heading(card: TaskCard, channel: int) -> str:
    """Return the task's name and, if there are others, the channel's."""
    several = len(card.channels) > 1 and not is_rgb(card)
    return f"{card.name}, {card.channels[channel].name}" if several else card.name


def _draw(rows: list[Row], card: TaskCard, channel: int, origin: Origin, title: str) -> Figure:
    columns = max(len(row.frames) for row in rows)
    aspect = rows[0].frames.shape[1] / rows[0].frames.shape[2]
    width = min((WIDTH - LEFT - RIGHT) / columns - GAP, TALLEST / aspect)
    height = width * aspect
    tops = [0.24 if row.labels else GAP for row in rows]
    bars = LEFT + columns * (width + GAP) + 0.1
    size = (max(bars + RIGHT, LEFT + 0.12 * len(title)), HEAD + sum(tops) + len(rows) * height + 0.1)
    figure = Figure(figsize=size, dpi=120)
    figure.text(LEFT / size[0], 1 - 0.1 / size[1], title, va="top", fontsize=12, weight="bold", color=TEXT)
    bottoms = size[1] - HEAD - np.cumsum([top + height for top in tops])
    for row, y in zip(rows, bottoms, strict=True):
        for column, frame in enumerate(row.frames):
            x = LEFT + column * (width + GAP)
            axes = figure.add_axes((x / size[0], y / size[1], width / size[0], height / size[1]))
            show(axes, frame, row.scale, origin)
            if row.labels:
                axes.set_title(row.labels[column], fontsize=9, pad=3, color=TEXT)
            if column == 0:
                axes.set_ylabel(row.name, fontsize=10 if height > 0.65 else 8, color=TEXT)
    _bars(figure, rows, (bottoms / size[1], height / size[1], bars / size[0]), card, channel)
    return figure


def _bars(
    figure: Figure, rows: list[Row], places: tuple[NDArray[np.float64], float, float], card: TaskCard, channel: int
) -> None:
    """Draw one bar beside all rows of values, unless they are colours, and one beside the errors."""
    bottoms, height, x = places
    width, inset = 0.13 / figure.get_figwidth(), 0.04 * height
    has_error = rows[-1].name == "error"
    lowest = bottoms[-2] if has_error else bottoms[-1]
    if not is_rgb(card):
        bar = figure.add_axes((x, lowest + inset, width, bottoms[0] + height - lowest - inset))
        colour_bar(figure, bar, rows[0].scale, unit_label(card, channel))
    if has_error:
        bar = figure.add_axes((x, bottoms[-1], width, height - inset))
        colour_bar(figure, bar, rows[-1].scale, error_label(card, channel))


def _spread(frames: int) -> NDArray[np.int64]:
    """Return the indices of at most ``COLUMNS`` of ``frames``, evenly spread, first and last among them."""
    return np.linspace(0, frames - 1, min(frames, COLUMNS)).round().astype(np.int64)


def _labels(steps: NDArray[np.int64], card: TaskCard) -> list[str]:
    return [lead_label(int(step), card) for step in steps]
