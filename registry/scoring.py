"""Which metrics a task is scored by, and what each of them looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from unistd.core.data.normalization import Normalization
from unistd.core.data.store import Store
from unistd.core.errors import UsageError
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

    Channels of one unit are scored together in that unit. Errors in different units cannot be added up: such channels
    are scored together after division by their deviation over the training split, and each by its ``rmse`` in its own
    unit.

    Raises:
        UsageError: A metric cannot be had for this task.
    """
    card = own.task.card
    units = {channel.unit for channel in card.channels}
    if len(units) == 1:
        build = partial(_built, leads=own.window.future, unit=units.pop(), value_range=card.value_range)
        return Scoring(_by_name(_chosen(own, registry, build), own.name), {})
    build = partial(_built, leads=own.window.future, unit=STANDARDIZED, value_range=None)
    made = _chosen(own, registry, build)
    for metric in made:
        if not metric.divisible:
            raise UsageError(
                f"metric '{metric.identity.name}' cannot score task '{own.name}': its channels have different units",
                help=f"they are in {own.unit}; leave the metric out",
            )
    normalization = Normalization(store.offset, store.scale)
    scoring = Scoring(_by_name(made, own.name), {})
    scoring.views.update(
        dict.fromkeys(scoring.metrics, lambda frames: normalization.to(frames.device).normalize(frames))
    )
    for choice in own.config.metrics:
        for index, channel in enumerate(card.channels if _short(choice) == "rmse" else ()):
            metric = _built(registry, choice, leads=own.window.future, unit=channel.unit, value_range=None)
            name = f"{metric.identity.name}.{channel.name}"
            scoring.metrics[name] = metric
            scoring.views[name] = _OneChannel(index)
    return scoring


@dataclass(frozen=True)
class _OneChannel:
    index: int

    def __call__(self, frames: Tensor) -> Tensor:
        return torch.narrow(frames, 2, self.index, 1)


def _built(registry: Registry, choice: Choice, **about: Any) -> Metric:
    metric: Metric = registry.factory("metric", choice)(**about)
    return metric


def _chosen(own: ComposedTask, registry: Registry, build: Callable[[Registry, Choice], Metric]) -> list[Metric]:
    """Build the metrics that the task asks for, and ``mse`` before them where it is not among them."""
    made = [build(registry, choice) for choice in own.config.metrics]
    if any(metric.identity.name == "mse" for metric in made):
        return made
    return [build(registry, registry.choose("metric", "mse")), *made]


def _by_name(metrics: list[Metric], task: str) -> dict[str, Metric]:
    """Return ``metrics`` by the name of their number.

    Raises:
        UsageError: Two would have one name, and one of them would be lost.
    """
    named: dict[str, Metric] = {}
    for metric in metrics:
        name = metric.identity.name
        if name in named:
            raise UsageError(
                f"two metrics of task '{task}' give a number named '{name}'",
                help="their options differ only in what the name does not say; leave one out",
            )
        named[name] = metric
    return named


def _short(choice: Choice) -> str:
    return choice.kind.rpartition("/")[2]
