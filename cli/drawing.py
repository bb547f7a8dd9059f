"""Pictures of a run: a strip and a GIF of one window of a task, and a strip of what comes next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unistd.core.data.windows import Windows
from unistd.core.figures.animation import forecast_gif
from unistd.core.figures.strip import strip_png
from unistd.core.figures.style import upwards
from unistd.core.prediction.write import latest_start
from unistd.registry.joint_run import JointRun


def draw_window(run: JointRun, name: str, windows: Windows, folder: Path) -> list[Path]:
    """Draw the middle window of task ``name`` into ``folder`` as ``<name>.png`` and ``<name>.gif``; return both."""
    past, future = (frames[0].numpy() for frames in windows.read(np.array([len(windows) // 2])))
    forecast, store = _forecast(run, name, past), run.stores[name]
    folder.mkdir(parents=True, exist_ok=True)
    strip, gif = folder / f"{name}.png", folder / f"{name}.gif"
    strip_png(strip, past, future, forecast, store.card, origin=upwards(store.y))
    forecast_gif(gif, past, future, forecast, store.card, origin=upwards(store.y))
    return [strip, gif]


def draw_latest(run: JointRun, name: str, folder: Path) -> list[Path]:
    """Draw the last frames of task ``name`` and the forecast of what comes next as ``<name>.png``; return it."""
    store = run.stores[name]
    past = store.read(latest_start(store, run.tasks[name].window.past), len(store))
    folder.mkdir(parents=True, exist_ok=True)
    strip = folder / f"{name}.png"
    strip_png(strip, past, None, _forecast(run, name, past), store.card, origin=upwards(store.y))
    return [strip]


def _forecast(run: JointRun, name: str, past: NDArray[np.float32]) -> NDArray[Any]:
    device = next(run.forecaster.parameters()).device
    forecast = run.forecaster.eval().forecast(name, torch.from_numpy(past)[None].to(device)).cpu()[0].numpy()
    never_seen = np.isnan(past).all(axis=0)  # sea, land, outside the radar: nothing is claimed of it
    return np.where(never_seen, np.nan, forecast)
