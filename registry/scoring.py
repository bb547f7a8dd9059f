"""Which metrics a task is scored by, and what each of them looks at."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unistd.core.data.normalization import Normalization
from unistd.core.data.store import Store
from unistd.core.evaluation.evaluate import View
from unistd.core.metric import Metric
from unistd.registry.compose import ComposedTask
from unistd.registry.registry import Registry
from unistd.registry.slot import Choice

STANDARDIZED = "σ"
"""Unit of values divided by their channel's deviation over the training split."""


@dataclass(frozen=True)
class Scoring:
    """The metrics of a task by name, and the view of those that do not look at all channels in physical units."""

    metrics: dict[str, Metric]
    views: dict[str, View]

    def check(self, frames: Tensor) -> None:
        """Show ``frames`` (B, T', C', H, W) to every metric, so that one that cannot score them says so.

        Raises:
            UnistdError: As the metric finds.
        """
        for name, metric in self.metrics.items():
            seen = self.views[name](frames) if name in self.views else frames
            metric.update(seen, seen)
            metric.reset()


def compose_scoring(own: ComposedTask, store: Store, registry: Registry) -> Scoring:
    """Build the metrics of a task, ``mse`` always among them.

    Channels of one unit are scored together in that unit. Errors in different units cannot be added up: such
    channels are
    scored together after division by their deviation over the training split, and each by its ``rmse`` in its own unit.

    Raises:
        UsageError: A metric cannot be had for this task.
    """
    chosen = _chosen(own, registry)
    units = [channel.unit for channel in own.task.card.channels]
    bounds = own.task.card.value_range
    width = bounds[1] - bounds[0] if bounds else None
    leads = own.window.future
    if len(set(units)) == 1:
        made = {
            name: registry.factory("metric", choice)(leads=leads, unit=units[0], data_range=width)
            for name, choice in chosen.items()
        }
        return Scoring(made, {})
    scoring = Scoring({}, {})
    normalization = Normalization(store.offset, store.scale)
    for name, choice in chosen.items():
        scoring.metrics[name] = registry.factory("metric", choice)(leads=leads, unit=STANDARDIZED, data_range=None)
        scoring.views[name] = lambda frames: normalization.to(frames.device).normalize(frames)
    for index, channel in enumerate(own.task.card.channels if "rmse" in chosen else ()):
        name = f"rmse.{channel.name}"
        scoring.metrics[name] = registry.factory("metric", chosen["rmse"])(
            leads=leads, unit=channel.unit, data_range=None
        )
        scoring.views[name] = _OneChannel(index)
    return scoring


@dataclass(frozen=True)
class _OneChannel:
    index: int

    def __call__(self, frames: Tensor) -> Tensor:
        return torch.narrow(frames, 2, self.index, 1)


def _chosen(own: ComposedTask, registry: Registry) -> dict[str, Choice]:
    chosen = {choice.kind.rpartition("/")[2]: choice for choice in own.config.metrics}
    return chosen if "mse" in chosen else {"mse": registry.choose("metric", "mse"), **chosen}
