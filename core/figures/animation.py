"""One window as a moving picture."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from unistd.core.figures.strip import heading
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
    show,
    unit_label,
    value_scale,
)
from unistd.core.task import TaskCard

PANEL = 2.1  # inches across, as the lengths round it
LEFT, GAP, BAR, LABELS, TOP, BOTTOM = 0.1, 0.12, 0.12, 0.66, 0.56, 0.1
DPI = 90


class Panel(NamedTuple):
    """One of the pictures side by side."""

    title: str
    frame: Frames
    scale: Scale


def forecast_gif(
    path: Path,
    past: Frames,
    truth: Frames,
    forecast: Frames,
    card: TaskCard,
    *,
    channel: int = 0,
    origin: Origin = "upper",
    title: str = "",
    milliseconds: int = 450,
) -> None:
    """Animate one window over its T' leads: input, truth, forecast and error side by side; the input runs along.

    Arguments as for ``strip_png``; ``milliseconds`` is how long a frame stays, the last one three times as long.
    """
    scale = value_scale(np.concatenate([past[:, channel], truth[:, channel]]), card)
    errors = error(forecast, truth, card, channel)
    off = error_scale(errors)
    shown = [picture(frames, card, channel) for frames in (past, truth, forecast)]
    running = np.linspace(0, len(past) - 1, len(truth)).round().astype(int)
    moments = []
    for lead, at in enumerate(running):
        ahead = lead_label(lead + 1, card)
        moments.append(
            [
                Panel(f"input {lead_label(int(at) - len(past) + 1, card)}", shown[0][at], scale),
                Panel(f"truth {ahead}", shown[1][lead], scale),
                Panel(f"forecast {ahead}", shown[2][lead], scale),
                Panel(f"error {ahead}", errors[lead], off),
            ]
        )
    stage = Stage(moments[0], card, channel, origin, title or heading(card, channel))
    images = [stage.play(panels) for panels in moments]
    palette = _palette(_adapted(shown) if is_rgb(card) else scale.colours(np.linspace(0, 1, 160))[:, :3], off)
    durations = [milliseconds] * (len(images) - 1) + [3 * milliseconds]
    first, *others = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    path.parent.mkdir(parents=True, exist_ok=True)
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0)


def _size(frame: Frames, bars: int) -> tuple[float, float]:
    return LEFT + 4 * PANEL + 3 * GAP + bars * (BAR + LABELS), TOP + PANEL * frame.shape[0] / frame.shape[1] + BOTTOM


class Stage:
    """Three panels of values, their bar, the error and its bar; what does not move is drawn once."""

    def __init__(self, panels: list[Panel], card: TaskCard, channel: int, origin: Origin, title: str) -> None:
        with_bar = (3,) if is_rgb(card) else (2, 3)
        width, height = _size(panels[0].frame, len(with_bar))
        figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
        figure.text(LEFT / width, 1 - 0.08 / height, title, va="top", fontsize=11, weight="bold", color=TEXT)
        tall = (height - TOP - BOTTOM) / height
        x = LEFT
        self._moving = []
        for place, panel in enumerate(panels):
            axes = figure.add_axes((x / width, BOTTOM / height, PANEL / width, tall))
            image = show(axes, panel.frame, panel.scale, origin)
            name = axes.set_title(panel.title, fontsize=10, pad=3, color=TEXT)
            self._moving.append((image, list(axes.spines.values()), name))
            x += PANEL + GAP
            if place in with_bar:
                bar = figure.add_axes(((x - GAP / 3) / width, BOTTOM / height, BAR / width, tall))
                label = unit_label(card, channel) if place == 2 else error_label(card, channel)
                colour_bar(figure, bar, panel.scale, label)
                x += BAR + LABELS
        for image, _, name in self._moving:
            image.set_animated(True)
            name.set_animated(True)
        self.figure = figure
        self._canvas = FigureCanvasAgg(figure)
        self._canvas.draw()  # type: ignore[no-untyped-call]
        self._still = self._canvas.copy_from_bbox(figure.bbox)  # type: ignore[no-untyped-call]

    def play(self, panels: list[Panel]) -> Image.Image:
        """Return the picture of ``panels``, drawn over what does not move."""
        self._canvas.restore_region(self._still)  # type: ignore[no-untyped-call]
        renderer = self._canvas.get_renderer()  # type: ignore[no-untyped-call]
        for panel, (image, spines, name) in zip(panels, self._moving, strict=True):
            image.set_data(np.ma.masked_invalid(panel.frame))
            name.set_text(panel.title)
            for artist in (image, *spines, name):
                artist.draw(renderer)
        pixels = np.asarray(self._canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        return Image.fromarray(pixels).convert("RGB")


def _palette(values: NDArray[np.float64], errors: Scale) -> Image.Image:
    """Return 256 colours: ``values`` (160, 3), the errors' and greys; one palette for all frames does not flicker."""
    greys = np.linspace(0, 1, 23)[:, None].repeat(3, axis=1)
    missing = errors.colours.get_bad()[None, :3]
    colours = np.concatenate([values, errors.colours(np.linspace(0, 1, 72))[:, :3], greys, missing])
    palette = Image.new("P", (1, 1))
    palette.putpalette((colours * 255).round().astype(np.uint8).tobytes())
    return palette


def _adapted(pictures: list[Frames]) -> NDArray[np.float64]:
    """Return the 160 colours (160, 3) that suit the colour ``pictures``, each (t, H, W, 3), best."""
    pixels = np.concatenate([picture.reshape(-1, picture.shape[2], 3) for picture in pictures])
    sheet = Image.fromarray((pixels * 255).round().astype(np.uint8))
    found = np.array(sheet.quantize(colors=160, dither=Image.Dither.NONE).getpalette()).reshape(-1, 3)[:160] / 255
    return np.concatenate([found, np.zeros((160 - len(found), 3))])
