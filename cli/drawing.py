"""Pictures of a run: a strip and a GIF of one window of a task, and all tasks' errors beside persistence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from unistd.core.data.windows import Windows
from unistd.core.figures.animation import forecast_gif
from unistd.core.figures.strip import strip_png
from unistd.core.figures.style import upwards
from unistd.registry.joint_run import JointRun


def draw_window(run: JointRun, name: str, windows: Windows, folder: Path) -> list[Path]:
    """Draw the middle window of task ``name`` into ``folder`` as ``<name>.png`` and ``<name>.gif``; return both."""
    past, future = windows.read(np.array([len(windows) // 2]))
    device = next(run.forecaster.parameters()).device
    forecast = run.forecaster.eval().forecast(name, past.to(device)).cpu()
    never_seen = past.isnan().all(dim=1, keepdim=True)  # sea, land, outside the radar: nothing is claimed of it
    frames = [own[0].numpy() for own in (past, future, forecast.masked_fill(never_seen, torch.nan))]
    store = run.stores[name]
    origin = upwards(store.y)
    folder.mkdir(parents=True, exist_ok=True)
    strip, gif = folder / f"{name}.png", folder / f"{name}.gif"
    strip_png(strip, frames[0], frames[1], frames[2], store.card, origin=origin)
    forecast_gif(gif, frames[0], frames[1], frames[2], store.card, origin=origin)
    return [strip, gif]
