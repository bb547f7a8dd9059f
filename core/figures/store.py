"""Four windows of a store, and the mean of its frames over time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from unistd.core.data.contents import frame_means
from unistd.core.data.store import Store
from unistd.core.figures.style import TEXT, picture, save, show, unit_label, upwards, value_scale
from unistd.core.task import SPLITS

SHADES = ("#dfe7ef", "#f4e3c4", "#f2cfc8")
_WINDOWS, _SHOWN = 4, 5


def store_png(path: Path, store: Store) -> None:
    """Draw up to five frames of four windows spread over ``store``, and below each frame's mean by split."""
    length = store.card.window.past + store.card.window.future
    starts = np.linspace(0, max(0, len(store) - length), _WINDOWS).astype(int)
    steps = np.unique(np.linspace(0, min(length, len(store)) - 1, _SHOWN).astype(int))
    frames = np.stack([np.concatenate([store.read(s + t, s + t + 1) for t in steps]) for s in starts])
    scale, origin = value_scale(frames[:, :, 0], store.card), upwards(store.y)
    figure = Figure(figsize=(8.6, 7.6), dpi=120, layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(3, 1.3))
    upper, lower = parts
    panels = upper.subplots(len(starts), len(steps), squeeze=False)
    for row, start in enumerate(starts):
        drawn = picture(frames[row], store.card, 0)
        for column, step in enumerate(steps):
            show(panels[row, column], drawn[column], scale, origin)
            if row == 0:
                panels[row, column].set_title(f"frame {step + 1}", fontsize=9, color=TEXT)
        split = SPLITS[store.split[start]]
        when = np.datetime_as_string(store.times[start].astype("datetime64[m]")).replace("T", "\n")
        panels[row, 0].set_ylabel(f"{split}\n{when}", fontsize=8, color=TEXT, rotation=0, ha="right", va="center")
    axes = lower.subplots()
    means = frame_means(store)[:, 0]
    edges = [0, *(np.flatnonzero(np.diff(store.split)) + 1).tolist(), len(store)]
    for begin, end in pairwise(edges):
        axes.axvspan(begin, end, color=SHADES[store.split[begin]], linewidth=0)
    axes.plot(means, color=TEXT, linewidth=0.7)
    axes.set_xlim(0, len(store))
    axes.set_xlabel("frame; shaded by split: " + ", ".join(SPLITS), fontsize=9, color=TEXT)
    axes.set_ylabel(f"mean\n{unit_label(store.card, 0)}", fontsize=9, color=TEXT)
    axes.tick_params(labelsize=8, colors=TEXT)
    save(figure, path)
