"""What all pictures share: units, lead times, colour scales and missing pixels."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from unistd.core.task import TaskCard

MISSING = "0.78"
TEXT = "#24292f"
_STEPS = {"ms": "ms", "s": "s", "m": "min", "h": "h", "D": "d", "M": "mo"}

Frames = NDArray[np.floating[Any]]
Origin = Literal["upper", "lower"]


@dataclass(frozen=True)
class Scale:
    """How values become colours; missing ones are grey."""

    colours: Colormap
    limits: Normalize

    def mappable(self) -> ScalarMappable:
        """Return what a colour bar is drawn of."""
        return ScalarMappable(self.limits, self.colours)


def is_rgb(card: TaskCard) -> bool:
    """Return whether the frames are colour pictures: three channels of one unit, normalised by their range."""
    alike = len({channel.unit for channel in card.channels}) == 1
    return len(card.channels) == 3 and alike and card.normalization == "range" and card.value_range is not None


def picture(frames: Frames, card: TaskCard, channel: int) -> Frames:
    """Return what is drawn of ``frames`` (t, C, H, W): RGB data as (t, H, W, 3), else ``channel`` as (t, H, W)."""
    if not (is_rgb(card) and card.value_range):
        return frames[:, channel]
    low, high = card.value_range
    colour = np.moveaxis((frames - low) / (high - low), 1, -1)
    grey = float(MISSING)
    return np.where(np.isnan(colour).any(axis=-1, keepdims=True), grey, colour.clip(0, 1))


def error(forecast: Frames, truth: Frames, card: TaskCard, channel: int) -> Frames:
    """Return forecast − truth of ``channel`` (t, H, W), of RGB data the mean over the three colours."""
    difference = forecast - truth
    return difference.mean(axis=1) if is_rgb(card) else difference[:, channel]


def value_scale(frames: Frames, card: TaskCard) -> Scale:
    """Return the scale of physical values: all but the outermost half per cent of ``frames`` at either end."""
    grey = card.value_range is not None and {channel.unit for channel in card.channels} == {"1"}
    low, high = _percentiles(frames, (0.5, 99.5))
    return Scale(_colours("gray" if grey else "viridis"), Normalize(low, high if high > low else low + 1))


def error_scale(errors: Frames) -> Scale:
    """Return the scale of errors, white at zero."""
    (high,) = _percentiles(np.abs(errors), (99.5,))
    return Scale(_colours("RdBu_r"), Normalize(-(high or 1), high or 1))


def _percentiles(values: Frames, at: tuple[float, ...]) -> list[float]:
    known = values[np.isfinite(values)]
    return [float(p) for p in np.percentile(known, at)] if known.size else [0.0 for _ in at]


def _colours(name: str) -> Colormap:
    return colormaps[name].with_extremes(bad=MISSING)


def show(axes: Axes, frame: Frames, scale: Scale, origin: Origin) -> Any:
    """Draw ``frame`` (H, W) or (H, W, 3) without ticks, its pixels as they are."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color="0.6", linewidth=0.6)
    shown = np.ma.masked_invalid(frame)
    return axes.imshow(shown, cmap=scale.colours, norm=scale.limits, origin=origin, interpolation="nearest")


def colour_bar(figure: Figure, axes: Axes, scale: Scale, label: str) -> None:
    """Draw the bar of ``scale`` into ``axes``, labelled with ``label``."""
    bar = figure.colorbar(scale.mappable(), cax=axes)
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(labelsize=8, length=2, colors=TEXT)
    bar.ax.locator_params(nbins=5)
    bar.set_label(label, fontsize=9, color=TEXT)


def unit_label(card: TaskCard, channel: int) -> str:
    """Return name and unit of ``channel``, of RGB data the unit alone."""
    name, unit = card.channels[channel].name, card.channels[channel].unit
    shown = "" if unit == "1" else f" ({unit})"
    return f"intensity{shown}" if is_rgb(card) else f"{name}{shown}"


def error_label(card: TaskCard, channel: int) -> str:
    """Return the unit of the errors of ``channel``; that they are errors is said beside them."""
    unit = card.channels[channel].unit
    return "" if unit == "1" else unit


def lead_label(steps: int, card: TaskCard) -> str:
    """Return the time ``steps`` frames after the last input frame, as ``+90 min`` or ``−2 h``."""
    count, unit = card.step
    sign = "+" if steps > 0 else "−" if steps < 0 else ""
    return f"{sign}{abs(steps) * count} {_STEPS[unit]}"


def upwards(y: tuple[NDArray[Any], dict[str, Any]] | None) -> Origin:
    """Return where the first row is drawn: at the bottom if the y coordinate (H,) grows, as latitudes may."""
    return "lower" if y is not None and len(y[0]) > 1 and y[0][-1] > y[0][0] else "upper"


def save(figure: Figure, path: Path) -> None:
    """Write ``figure`` as a PNG, its folder made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(rendered(figure))


def rendered(figure: Figure) -> bytes:
    """Return ``figure`` as the bytes of a PNG."""
    FigureCanvasAgg(figure)
    held = BytesIO()
    figure.savefig(held, format="png", facecolor="white")
    return held.getvalue()
