"""Scores of a forecast over all windows of a split, streamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from unistd.core.errors import DataError, ModelError
from unistd.core.metric import Metric, Score
from unistd.core.processes import in_order, shared_out, this_process

if TYPE_CHECKING:
    from unistd.core.data.windows import Windows

Forecast = Callable[[Tensor, Tensor], Tensor]
"""Forecasts (B, T', C', H, W) from ``past`` (B, T, C, H, W) and ``starts`` (B,), the index in the store of each
window's first frame; physical units, missing pixels of ``past`` are NaN. Models and baselines alike."""

AT_ONCE = 64
"""Batches each of several processes scores before they tell one another: states of so many are kept (choice)."""

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

    In a run of several processes all call this. They share the batches out, and put the metrics' states of each batch
    together in the order of the windows: all return the very bits that a single process would.

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

    def score(number: int) -> int:
        past, future, starts = _batch(windows, batch, number)
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
        return len(starts)

    batches = ceil(len(windows.starts) / batch)
    alone = this_process()[1] == 1
    seen = sum(map(score, range(batches))) if alone else _in_turns(batches, score, metrics, device)
    if seen != len(windows):
        raise DataError(f"'{seen}' of {len(windows)} windows of task '{task}' were scored")
    return {name: _score(metric) for name, metric in metrics.items()}


def _in_turns(
    batches: int, score: Callable[[int], int], metrics: Mapping[str, Metric], device: torch.device | str
) -> int:
    """Score the batches that are this process's, leave in every metric the state of all, and return their windows."""
    seen, turn = 0, AT_ONCE * this_process()[1]
    for first in range(0, batches, turn):
        before = _taken(metrics)
        parts = in_order([(score(first + at), _taken(metrics)) for at in shared_out(min(turn, batches - first))])
        seen += sum(count for count, _ in parts)
        for name, metric in metrics.items():
            _put(metric, before[name], device)
            for at, (_, states) in enumerate(parts, start=first + 1):
                so_far = metric.metric_state
                _put(metric, states[name], device)
                metric._update_count = at  # the weight of what is merged in, should its state be a mean
                metric.merge_state(so_far)
    for metric in metrics.values():
        metric.distributed_available_fn = _nobody_else  # every process has all of it
    return seen


def _nobody_else() -> bool:
    return False


def _put(metric: Metric, state: Mapping[str, Any], device: torch.device | str) -> None:
    for key, value in state.items():
        setattr(metric, key, _moved(value, device))


def _taken(metrics: Mapping[str, Metric]) -> dict[str, dict[str, Any]]:
    """Return the states of ``metrics`` by name, and reset them."""
    states = {
        name: {key: _moved(value, "cpu") for key, value in metric.metric_state.items()}
        for name, metric in metrics.items()
    }
    for metric in metrics.values():
        metric.reset()
    return states


def _moved(value: Any, device: torch.device | str) -> Any:
    return [each.to(device) for each in value] if isinstance(value, list) else value.to(device)


def _whole(frames: Tensor) -> Tensor:
    return frames


def _score(metric: Metric) -> Score:
    score = metric.compute()
    return score._replace(
        per_lead=score.per_lead.reshape(-1)
    )  # torchmetrics makes a scalar of any tensor with one element


def _batch(windows: Windows, batch: int, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return a batch as ``past`` (B, T, C, H, W), ``future`` (B, T', C, H, W) and ``starts`` (B,)."""
    some = np.arange(number * batch, min((number + 1) * batch, len(windows.starts)))
    return *windows.read(some), torch.from_numpy(windows.starts[some])
