"""Scores of a forecast of events, which are values at or above a threshold."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from unistd.core.errors import UsageError
from unistd.core.metric import Metric, MetricIdentity, Score
from unistd.plugins.metrics.frames import require_frames, require_scored


class _EventScore(Metric):
    """A score of the counts of hits H, misses M, false alarms F and correct negatives C; mean over thresholds.

    Counts are pooled over valid pixels of all windows and channels, at each lead and threshold.

    Args:
        leads: T'.
        unit: Unit of the data and of the thresholds; takes no part.
        value_range: Smallest and largest value of the data; a threshold no value can separate is refused.
        thresholds: An event is a value at or above one; each is scored by itself, in ``Score.parts``.
        pool: Side of the blocks of pixels that count as one, by their largest valid value; what is left at the lower
            and right edge takes no part.
        average: ``pooled`` counts over leads, or mean over ``leads`` of each lead's score.
        epsilon: Added to denominators, so that an event nobody saw or forecast scores 0.

    Raises:
        UsageError: A threshold lies outside ``value_range``; in ``update``, frames smaller than a block.
    """

    name: ClassVar[str]
    better: ClassVar[str]
    divisible = False
    counts: Tensor
    full_state_update = False

    def __init__(
        self,
        *,
        leads: int,
        unit: str,
        value_range: tuple[float, float] | None = None,
        thresholds: tuple[float, ...],
        pool: int = 1,
        average: Literal["pooled", "leads"] = "pooled",
        epsilon: float = 1e-4,
    ) -> None:
        super().__init__()
        del unit
        name = self.name + (f"-pool{pool}" if pool > 1 else "") + ("-leads" if average == "leads" else "")
        _check_thresholds(name, thresholds, value_range)
        self.leads, self.thresholds, self.pool, self.average, self.epsilon = leads, thresholds, pool, average, epsilon
        blocks = f"{pool}×{pool} blocks by their largest valid value" if pool > 1 else "valid pixels"
        over = "leads" if average == "pooled" else "each lead, mean over leads"
        self.identity = MetricIdentity(
            name=name,
            unit="1",
            better=self.better,
            reduction=f"counts of {blocks} pooled over windows, channels and {over}; {epsilon:g} in denominators; "
            "mean over thresholds",
            thresholds=thresholds,
        )
        zeros = torch.zeros(4, leads, len(thresholds), dtype=torch.float64)  # counts are exact up to 2^53
        self.add_state("counts", zeros, dist_reduce_fx="sum")

    @abstractmethod
    def score(self, hits: Tensor, misses: Tensor, alarms: Tensor, negatives: Tensor) -> Tensor:
        """Return the score of each table of counts, all of one shape."""

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W); NaN targets are missing."""
        require_frames(prediction, target, self.leads)
        valid = ~target.isnan()
        broken = (valid & ~prediction.isfinite()).transpose(0, 1).flatten(1).any(dim=1)
        if self.pool > 1:
            prediction, target, valid = self._pooled(prediction, target, valid)
        for at, threshold in enumerate(self.thresholds):
            said, seen = prediction >= threshold, target >= threshold
            tables = (said & seen, ~said & seen, said & ~seen, ~said & ~seen)
            counts = torch.stack([(table & valid).sum(dim=(0, 2, 3, 4)) for table in tables])
            self.counts[:, :, at] += counts.double().masked_fill(broken, torch.nan)

    def compute(self) -> Score:
        """Return the mean over thresholds, over everything and per lead, and the score of each threshold."""
        seen = self.counts.sum(dim=(0, 2))
        require_scored(self.identity.name, seen)
        by_lead = self.score(*self.counts).masked_fill((seen == 0)[:, None], torch.nan)
        parts = self.score(*self.counts.sum(dim=1)) if self.average == "pooled" else by_lead[seen != 0].mean(dim=0)
        named = {f"{threshold:g}": part for threshold, part in zip(self.thresholds, parts, strict=True)}
        return Score(parts.mean(), by_lead.mean(dim=1), named)

    def _pooled(self, *frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the largest valid values of blocks of ``prediction`` and ``target``, and whether there are any."""
        prediction, target, valid = frames
        height, width = valid.shape[-2:]
        if min(height, width) < self.pool:
            raise UsageError(
                f"frames of '{height}×{width}' pixels are smaller than the blocks of {self.identity.name}",
                help="leave it out for this task, or give it a smaller pool",
            )
        lowest = -torch.inf
        blocks = (*valid.shape[:3], height // self.pool, width // self.pool)
        pooled = [
            functional.max_pool2d(torch.where(valid, each, lowest).flatten(0, 1), self.pool).reshape(blocks)
            for each in (prediction, target)
        ]
        return pooled[0], pooled[1], pooled[1] > lowest


def _check_thresholds(name: str, thresholds: tuple[float, ...], value_range: tuple[float, float] | None) -> None:
    for threshold in thresholds:
        if value_range and not value_range[0] < threshold <= value_range[1]:
            raise UsageError(
                f"metric '{name}' has the threshold '{threshold:g}', which no value lies on either side of",
                help=f"values go from {value_range[0]:g} to {value_range[1]:g}; thresholds are in physical units",
            )


class CriticalSuccessIndex(_EventScore):
    """H / (H + M + F)."""

    name, better = "csi", "higher"

    def score(self, hits: Tensor, misses: Tensor, alarms: Tensor, negatives: Tensor) -> Tensor:
        """Return the critical success index."""
        del negatives
        return hits / (hits + misses + alarms + self.epsilon)


class ProbabilityOfDetection(_EventScore):
    """H / (H + M)."""

    name, better = "pod", "higher"

    def score(self, hits: Tensor, misses: Tensor, alarms: Tensor, negatives: Tensor) -> Tensor:
        """Return the share of events that were forecast."""
        del alarms, negatives
        return hits / (hits + misses + self.epsilon)


class SuccessRatio(_EventScore):
    """H / (H + F)."""

    name, better = "sucr", "higher"

    def score(self, hits: Tensor, misses: Tensor, alarms: Tensor, negatives: Tensor) -> Tensor:
        """Return the share of forecast events that happened."""
        del misses, negatives
        return hits / (hits + alarms + self.epsilon)


class FalseAlarmRatio(_EventScore):
    """F / (H + F)."""

    name, better = "far", "lower"

    def score(self, hits: Tensor, misses: Tensor, alarms: Tensor, negatives: Tensor) -> Tensor:
        """Return the share of forecast events that did not happen."""
        del misses, negatives
        return alarms / (hits + alarms + self.epsilon)


class MissRatio(_EventScore):
    """M / (H + M)."""

    name, better = "mar", "lower"

    def score(self, hits: Tensor, misses: Tensor, alarms: Tensor, negatives: Tensor) -> Tensor:
        """Return the share of events that were not forecast."""
        del alarms, negatives
        return misses / (hits + misses + self.epsilon)


class FrequencyBias(_EventScore):
    """(H + F) / (H + M), 1 where as many events are forecast as happen."""

    name, better = "bias", "one"

    def score(self, hits: Tensor, misses: Tensor, alarms: Tensor, negatives: Tensor) -> Tensor:
        """Return how many events were forecast for each that happened."""
        del negatives
        return (hits + alarms) / (hits + misses + self.epsilon)


class HeidkeSkillScore(_EventScore):
    """2 (HC - MF) / ((H + M)(M + C) + (H + F)(F + C)), 0 for chance."""

    name, better = "hss", "higher"

    def score(self, hits: Tensor, misses: Tensor, alarms: Tensor, negatives: Tensor) -> Tensor:
        """Return the accuracy beyond that of chance."""
        chance = (hits + misses) * (misses + negatives) + (hits + alarms) * (alarms + negatives)
        return 2 * (hits * negatives - misses * alarms) / (chance + self.epsilon)


class EquitableThreatScore(_EventScore):
    """(H - R) / (H + M + F - R) with the hits of chance R = (H + M)(H + F) / (H + M + F + C)."""

    name, better = "ets", "higher"

    def score(self, hits: Tensor, misses: Tensor, alarms: Tensor, negatives: Tensor) -> Tensor:
        """Return the critical success index beyond that of chance."""
        chance = (hits + misses) * (hits + alarms) / (hits + misses + alarms + negatives)
        return (hits - chance) / (hits + misses + alarms - chance + self.epsilon)
