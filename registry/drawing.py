"""Pictures of a run: a strip and a GIF of one window of a task, and a strip of what comes next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unistd.core.data.store import WHOLE, Region
from unistd.core.data.windows import Windows
from unistd.core.evaluation.gather import read_frames
from unistd.core.figures.animation import forecast_gif
from unistd.core.figures.strip import strip_png
from unistd.core.figures.style import upwards
from unistd.core.prediction.write import latest_start
from unistd.registry.joint_run import JointRun


def draw_window(run: JointRun, name: str, windows: Windows, folder: Path, region: Region = WHOLE) -> list[Path]:
    """Draw the middle window of task ``name`` into ``folder`` as ``<name>.png`` and ``<name>.gif``; return both.

    Of a ``region`` of the grid, no more than that is read, forecast and drawn.
    """
    at, store = len(windows) // 2, run.stores[name]
    gif = folder / f"{name}.gif"
    forecast_gif(gif, *_frames(run, name, windows, at, region), store.card, origin=upwards(store.y))
    return [draw_strip(run, name, windows, at, folder / f"{name}.png", region), gif]


def draw_strip(run: JointRun, name: str, windows: Windows, at: int, path: Path, region: Region = WHOLE) -> Path:
    """Draw window ``at`` of task ``name``, or a ``region`` of it, as the strip ``path``; return it."""
    store = run.stores[name]
    strip_png(path, *_frames(run, name, windows, at, region), store.card, origin=upwards(store.y))
    return path


def draw_latest(run: JointRun, name: str, folder: Path, region: Region = WHOLE) -> list[Path]:
    """Draw the last frames of task ``name`` and the forecast of what comes next as ``<name>.png``; return it.

    Of a ``region`` of the grid, no more than that is read, forecast and drawn.
    """
    store, frames = run.stores[name], run.tasks[name].window.past
    past = read_frames(store, latest_start(store, frames) + np.arange(frames), region).numpy()
    folder.mkdir(parents=True, exist_ok=True)
    strip = folder / f"{name}.png"
    strip_png(strip, past, None, _forecast(run, name, past), store.card, origin=upwards(store.y))
    return [strip]


def _frames(
    run: JointRun, name: str, windows: Windows, at: int, region: Region
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    span = windows.starts[at] + np.arange(windows.past + windows.future)
    past, future = np.split(read_frames(windows.store, span, region).numpy(), [windows.past])
    return past, future, _forecast(run, name, past)


def _forecast(run: JointRun, name: str, past: NDArray[np.float32]) -> NDArray[Any]:
    device = next(run.forecaster.parameters()).device
    forecast = run.forecaster.eval().forecast(name, torch.from_numpy(past)[None].to(device)).cpu()[0].numpy()
    never_seen = np.isnan(past).all(axis=0)  # sea, land, outside the radar: nothing is claimed of it
    return np.where(never_seen, np.nan, forecast)
