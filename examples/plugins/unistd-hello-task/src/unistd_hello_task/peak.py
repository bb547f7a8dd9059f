"""The metric: a number with a name, a unit, and one meaning for any batch size and number of processes."""

from __future__ import annotations

import torch
from torch import Tensor

from unistd.core.metric import Metric, MetricIdentity, Score


class PeakError(Metric):
    """Mean absolute error of the hottest point of each frame; where the point lies does not matter.

    Args:
        leads: T'.
        unit: Of the data, and so of the score.
        value_range: Smallest and largest value of the data; every metric is given it, this one has no use for it.
    """

    total: Tensor
    count: Tensor

    def __init__(self, *, leads: int, unit: str, value_range: tuple[float, float] | None = None) -> None:
        super().__init__()
        del value_range
        self.identity = MetricIdentity(
            name="hello-peak", unit=unit, better="lower", reduction="mean over frames with a valid pixel"
        )
        # Sums, not means: processes add them up, and a short last batch counts by its frames.
        self.add_state("total", torch.zeros(leads, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(leads, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C, H, W); NaN in ``target`` is missing."""
        missing = target.isnan()
        seen = ~missing.all(dim=(2, 3, 4))
        forecast, true = (
            frames.double().masked_fill(missing, -torch.inf).amax(dim=(2, 3, 4)) for frames in (prediction, target)
        )
        error = (forecast - true).abs()
        self.total += torch.where(seen, error, 0.0).sum(dim=0)
        self.count += seen.sum(dim=0)

    def compute(self) -> Score:
        """Return the mean over everything, and per lead (T')."""
        return Score(self.total.sum() / self.count.sum(), self.total / self.count)
