"""Validation frames as they are, with hidden patches, and with these reconstructed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from matplotlib.figure import Figure

from unistd.core.figures.style import TEXT, Frames, picture, save, show, upwards, value_scale
from unistd.core.pretraining.masked import MaskedAutoencoder
from unistd.core.pretraining.reader import held_out
from unistd.core.pretraining.stills import FrameSource

SHOWN = 3  # frames of each source
SIDE, GAP, LEFT, HEAD = 1.25, 0.06, 0.9, 0.3  # inches
COLUMNS = ("input", "seen", "reconstruction")


@torch.inference_mode()
def draw_reconstructions(path: Path, objective: MaskedAutoencoder, sources: Mapping[str, FrameSource]) -> None:
    """Draw frames of each source, what the trunk saw of them and what was made of it; grey is hidden or missing."""
    objective.eval()
    heights = [SIDE * min(1.0, source.shape[1] / source.shape[2]) for source in sources.values()]
    size = LEFT + SHOWN * len(COLUMNS) * (SIDE + GAP) + (SHOWN - 1) * GAP * 2, HEAD + sum(heights) + GAP * len(heights)
    figure = Figure(figsize=size, dpi=120)
    bottom = size[1] - HEAD
    for row, ((name, source), height) in enumerate(zip(sources.items(), heights, strict=True)):
        bottom -= height
        figure.text(0.1 / size[0], (bottom + height / 2) / size[1], name, va="center", fontsize=10, color=TEXT)
        _row(figure, _pictures(objective, name, source), source, (bottom, height), labelled=row == 0)
        bottom -= GAP
    save(figure, path)


def _pictures(objective: MaskedAutoencoder, name: str, source: FrameSource) -> list[Frames]:
    (batch,) = held_out(name, source, SHOWN, SHOWN)
    device = next(objective.parameters()).device
    batch = batch._replace(frames=batch.frames.to(device))
    return [
        picture(source.normalization.denormalize(frames.float().cpu()).numpy(), source.card, 0)
        for frames in (batch.frames, *objective.picture(batch))
    ]


def _row(
    figure: Figure, kinds: list[Frames], source: FrameSource, place: tuple[float, float], *, labelled: bool
) -> None:
    width, height = figure.get_size_inches()
    origin = upwards(source.store.y) if source.store else "upper"
    for number in range(len(kinds[0])):
        scale = value_scale(kinds[0][number], source.card)
        for column, (kind, label) in enumerate(zip(kinds, COLUMNS, strict=True)):
            x = LEFT + (number * len(COLUMNS) + column) * (SIDE + GAP) + number * GAP * 2
            axes = figure.add_axes((x / width, place[0] / height, SIDE / width, place[1] / height))
            show(axes, kind[number], scale, origin)
            if labelled:
                axes.set_title(label, fontsize=9, pad=3, color=TEXT)
