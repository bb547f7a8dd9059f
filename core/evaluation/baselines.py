"""What every forecast is held against: persistence, the same time one period ago, and climatology (method §7).

A baseline never sees more than was known: frames up to the last input frame, and the training split. Where the frame it
repeats is missing a pixel, persistence goes back to the pixel's latest valid value in the input; what is then still
missing is filled with the pixel's training mean. So a baseline has a value wherever a target may be valid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unistd.core.evaluation.climatology import TrainMean, covered_cycle, train_mean
from unistd.core.evaluation.gather import read_frames, ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unistd.core.data.windows import Windows
    from unistd.core.evaluation.evaluate import Forecast
    from unistd.core.task import Cycle

Fill = Callable[[Tensor], Tensor]


class Baselines(NamedTuple):
    """Forecasts by name, and why others were left out."""

    forecasts: dict[str, Forecast]
    left_out: dict[str, str]


def baselines(windows: Windows) -> Baselines:
    """Make the baselines of ``windows``: ``persistence``, ``<cycle>-lag`` for each cycle of the card, ``climatology``.

    Climatology is the training split's mean at each phase of the longest cycle it covers; a task without cycles has
    only persistence.
    """
    store = windows.store
    cycle, reason = covered_cycle(store)
    means = None
    if cycle is not None or store.card.missing == "mask":
        means = train_mean(store, cycle.steps if cycle else 1)
    fill = _fill(means)
    found = Baselines({"persistence": _persistence(windows, fill)}, {})
    for each in store.card.cycles:
        if missing := _without_history(windows, each):
            found.left_out[f"{each.name}-lag"] = (
                f"{missing} of {len(windows)} windows have no unbroken history of a {each.name} ({each.steps} steps) "
                "before their targets"
            )
        else:
            found.forecasts[f"{each.name}-lag"] = _lag(windows, each, fill)
    if cycle is not None and means is not None:
        found.forecasts["climatology"] = _climatology(windows, means, cycle)
    elif store.card.cycles:
        found.left_out["climatology"] = reason
    return found


def _fill(means: TrainMean | None) -> Fill:
    if means is None:
        return lambda frames: frames
    overall = means.overall
    return lambda frames: torch.where(frames.isnan(), overall.to(frames.device), frames)


def last_seen(past: Tensor) -> Tensor:
    """Return the latest valid value (B, C, H, W) of each pixel of ``past`` (B, T, C, H, W), NaN where there is none."""
    last = past[:, 0]
    for frame in past[:, 1:].unbind(dim=1):
        last = torch.where(frame.isnan(), last, frame)
    return last


def _persistence(windows: Windows, fill: Fill) -> Forecast:
    def forecast(past: Tensor, starts: Tensor) -> Tensor:
        del starts
        return fill(last_seen(past))[:, None].expand(-1, windows.future, -1, -1, -1)

    return forecast


def _lag_sources(windows: Windows, cycle: Cycle, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each window and lead (n, T'), the latest input or earlier frame whole periods before the target.

    Sequences of a store have no gap, so frames are steps; the index may lie before the window's sequence.
    """
    lead = np.arange(windows.future)
    periods = lead // cycle.steps + 1  # the fewest that reach a frame not after the last input
    return starts[:, None] + windows.past + lead - periods * cycle.steps


def _without_history(windows: Windows, cycle: Cycle) -> int:
    sources, sequence = _lag_sources(windows, cycle, windows.starts), windows.store.sequence
    known = (sources >= 0) & (sequence[sources.clip(min=0)] == sequence[windows.starts][:, None])
    return int((~known.all(axis=1)).sum())


def _lag(windows: Windows, cycle: Cycle, fill: Fill) -> Forecast:
    def forecast(past: Tensor, starts: Tensor) -> Tensor:
        sources = _lag_sources(windows, cycle, starts.cpu().numpy())
        return fill(read_frames(windows.store, sources).to(past.device))

    return forecast


def _climatology(windows: Windows, means: TrainMean, cycle: Cycle) -> Forecast:
    phase = ticks(windows.store.times, windows.store.card.step) % cycle.steps
    leads = windows.past + np.arange(windows.future)

    def forecast(past: Tensor, starts: Tensor) -> Tensor:
        targets = starts.cpu().numpy()[:, None] + leads
        return means.phases[torch.from_numpy(phase[targets])].to(past.device)

    return forecast
