"""The error of every single window, and which windows were forecast worst."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from unistd.core.evaluation.evaluate import Forecast, View
from unistd.core.forecaster import squared_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unistd.core.data.windows import Windows


@torch.inference_mode()
def window_errors(
    windows: Windows,
    forecasts: Mapping[str, Forecast],
    *,
    batch: int,
    view: View = lambda frames: frames,
    device: torch.device | str = "cpu",
) -> dict[str, NDArray[np.float64]]:
    """Return the mean squared error of each forecast on each window (n,), over the window's valid pixels.

    Args:
        windows: What is forecast, read ``batch`` windows at a time and once for all forecasts.
        forecasts: What is held against the truth.
        batch: Plays no part in the result.
        view: What the error is of, instead of all channels in physical units.
        device: Where ``past`` and the targets are.
    """
    found = {name: np.empty(len(windows)) for name in forecasts}
    for first in range(0, len(windows), batch):
        some = np.arange(first, min(first + batch, len(windows)))
        past, future = (frames.to(device) for frames in windows.read(some))
        target = view(future).double()
        for name, forecast in forecasts.items():
            made = view(forecast(past, torch.from_numpy(windows.starts[some]))).double()
            for at, own, true in zip(some, made, target, strict=True):
                error, pixels = squared_error(own, true)
                found[name][at] = (error / pixels).item()
    return found


def worst_windows(windows: Windows, errors: NDArray[np.float64], count: int) -> list[int]:
    """Return the ``count`` windows of the largest ``errors`` (n,), largest first, of which no two share a frame.

    Neighbours of a bad window are bad for the same reason; one of them is enough to see it.
    """
    length = windows.past + windows.future
    chosen: list[int] = []
    for at in np.argsort(-errors, kind="stable").tolist():
        if len(chosen) == count:
            break
        if all(abs(int(windows.starts[at] - windows.starts[other])) >= length for other in chosen):
            chosen.append(at)
    return chosen
