"""Scores of a forecast over all windows of a split, streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, distributed
from torchmetrics import SumMetric

from unistd.core.errors import DataError, ModelError
from unistd.core.metric import Metric, Score

if TYPE_CHECKING:
    from unistd.core.data.windows import Windows

Forecast = Callable[[Tensor, Tensor], Tensor]
"""Forecasts (B, T', C', H, W) from ``past`` (B, T, C, H, W) and ``starts`` (B,), the index in the store of each
window's first frame; physical units, missing pixels of ``past`` are NaN. Models and baselines alike."""

View = Callable[[Tensor], Tensor]
"""What a metric looks at, made from frames (B, T', C', H, W) in physical units: one channel, or all of them scaled."""


@torch.inference_mode()
def evaluate(
    windows: Windows,
    forecast: Forecast,
    metrics: Mapping[str, Metric],
    *,
    batch: int,
    views: Mapping[str, View] = MappingProxyType({}),
    device: torch.device | str = "cpu",
) -> dict[str, Score]:
    """Score ``forecast`` on every window of ``windows`` exactly once, in order, in constant memory.

    In a distributed run every process calls this; each takes its share of the windows and all return the same scores.

    Args:
        windows: The split to score.
        forecast: What is scored.
        metrics: Reset first; a metric brings its identity.
        batch: Windows at a time; plays no part in the result.
        views: What the metrics of these names look at, instead of all channels in physical units.
        device: Where ``past``, the targets and the metrics are.

    Raises:
        DataError: Not every window was scored once.
        ModelError: The forecast has not the shape of the target.
    """
    task = windows.store.card.name
    for metric in metrics.values():
        metric.to(device).reset()
    seen = SumMetric(sync_on_compute=True).set_dtype(torch.float64).to(device)
    for past, future, starts in _batches(windows, batch):
        prediction = forecast(past.to(device), starts)
        if prediction.shape != future.shape:
            raise ModelError(
                f"the forecast of task '{task}' has shape '{tuple(prediction.shape)}'",
                help=f"the target is (B, T', C', H, W) = {tuple(future.shape)}",
            )
        target = future.to(device)
        for name, metric in metrics.items():
            view = views.get(name, _whole)
            metric.update(view(prediction), view(target))
        seen.update(len(starts))
    if int(seen.compute()) != len(windows):
        raise DataError(f"'{int(seen.compute())}' of {len(windows)} windows of task '{task}' were scored")
    return {name: _score(metric) for name, metric in metrics.items()}


def _whole(frames: Tensor) -> Tensor:
    return frames


def _score(metric: Metric) -> Score:
    score = metric.compute()
    return score._replace(
        per_lead=score.per_lead.reshape(-1)
    )  # torchmetrics makes a scalar of any tensor with one element


def _batches(windows: Windows, batch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Give this process's share as ``past`` (B, T, C, H, W), ``future`` (B, T', C, H, W) and ``starts`` (B,)."""
    shared = distributed.is_available() and distributed.is_initialized()
    rank, processes = (distributed.get_rank(), distributed.get_world_size()) if shared else (0, 1)
    own = np.array_split(np.arange(len(windows.starts)), processes)[rank]
    for first in range(0, len(own), batch):
        some = own[first : first + batch]
        yield *windows.read(some), torch.from_numpy(windows.starts[some])
