"""Line charts as SVG inside the page: text stays text, and lines and words suit a light and a dark page."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from unistd.core.figures.style import TEXT
from unistd.core.report.html import Html, tag

# Neither too light for a white page nor too dark for a black one.
COLOURS = ("#2f9a84", "#d9772b", "#3b82c4", "#c4517a", "#8a6fd1", "#a9892c", "#4aa3a8", "#b0605a", "#7a8794", "#6aa33a")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
SPREAD = 20  # largest ÷ smallest value beyond which an axis counts in powers of ten
LEGEND = {"frameon": False, "labelcolor": TEXT, "fontsize": 9, "handlelength": 1.6, "columnspacing": 1.2}
SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "unistd", "text.parse_math": False, "font.size": 9}


class Line(NamedTuple):
    """Values over ``x``; NaN is a gap."""

    x: Sequence[float]
    y: Sequence[float]
    heavy: bool = False


def line_chart(
    name: str, lines: Mapping[str, Line], *, x_label: str, y_label: str, alt: str, mark: float = 0, linear: bool = False
) -> Html:
    """Return a chart of ``lines`` by label, with a vertical mark at ``mark`` where it is not 0.

    Args:
        name: Unlike that of any other chart of the page.
        lines: The first ones are told apart by colour, further ones by dashes too.
        x_label: What is counted in whole numbers from left to right.
        y_label: What goes up.
        alt: The chart in a sentence.
        mark: A step, such as that of the best checkpoint.
        linear: Count evenly however far apart the values lie; else in powers of ten where they lie far apart.
    """
    with rc_context(SETTINGS):
        drawn = Figure(figsize=(4.3, 2.75), layout="constrained")
        axes = drawn.add_subplot()
        for at, line in enumerate(lines.values()):
            style = {"color": COLOURS[at % len(COLOURS)], "linestyle": DASHES[at // len(COLOURS) % len(DASHES)]}
            dots = "o" if len(line.x) < 16 else ""
            axes.plot(line.x, line.y, marker=dots, markersize=3, linewidth=2.4 if line.heavy else 1.4, **style)
        if mark:
            axes.axvline(mark, color=TEXT, linewidth=0.8, linestyle=(0, (2, 2)))
        _finish(axes, [value for line in lines.values() for value in line.y if math.isfinite(value)], linear=linear)
        axes.set_xlabel(x_label, color=TEXT)
        axes.set_ylabel(y_label, color=TEXT)
        if len(lines) > 1:
            shown = axes.lines[: len(lines)]
            drawn.legend(shown, list(lines), loc="outside lower center", ncols=_columns(lines), **LEGEND)
        return _inline(drawn, name, alt)


def _finish(axes: Any, values: Sequence[float], *, linear: bool) -> None:
    positive = [value for value in values if value > 0]
    spread = max(positive) / min(positive) if positive else 1.0
    if spread > SPREAD and not linear:
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if spread < 100 else (1, 3) if spread < 2000 else (1,)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    elif values:
        axes.set_ylim(bottom=min(0, *values))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(TEXT)
    axes.tick_params(which="both", colors=TEXT, labelsize=8.5)
    axes.grid(axis="y", color=TEXT, alpha=0.15, linewidth=0.6)


def _columns(lines: Mapping[str, Line]) -> int:
    return max(1, min(len(lines), 48 // (max(map(len, lines)) + 5)))


def _inline(drawn: Figure, name: str, alt: str) -> Html:
    """Return ``drawn`` as an element of the page: of no fixed size, in the colour of the page's words."""
    held = StringIO()
    FigureCanvasSVG(drawn)
    drawn.savefig(held, format="svg", transparent=True)
    text = held.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    for link in (' id="', "url(#", 'href="#'):  # what is left are definitions that the chart refers to itself
        text = text.replace(link, f"{link}{name}-")
    text = re.sub(r"\n\s*", "\n", text.replace(TEXT, "currentColor"))
    view = re.search(r'viewBox="[^"]*"', text)
    assert view is not None
    inside = text[text.index(">") + 1 : text.rindex("</svg>")]
    head = f'<svg {view[0]} xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    label = tag("title", alt)
    return Html(f'{head} role="img" class="chart">{label}{inside}</svg>')
