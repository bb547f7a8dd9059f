"""Absolute errors as a share of the target."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from unistd.core.metric import MetricIdentity
from unistd.plugins.metrics.frames import require_frames
from unistd.plugins.metrics.lead_mean import LeadMean


class WeightedMeanAbsolutePercentageError(LeadMean):
    """Sum of absolute errors ÷ sum of absolute targets over all valid pixels, as a share of 1.

    Args:
        leads: T'.
        unit: Unit of the data; takes no part.
        value_range: Takes no part.
    """

    divisible = False

    def __init__(self, *, leads: int, unit: str, value_range: tuple[float, float] | None = None) -> None:
        del unit, value_range
        reduction = "Σ|error| ÷ Σ|target|, both over valid pixels of all windows, channels and leads"
        identity = MetricIdentity(name="wmape", unit="1", better="lower", reduction=reduction)
        super().__init__(leads=leads, identity=identity)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W); NaN targets are missing."""
        require_frames(prediction, target, self.leads)
        valid = ~target.isnan()
        error = (prediction.double() - target.double()).abs()
        self.total += torch.where(valid, error, 0.0).sum(dim=(0, 2, 3, 4))
        self.count += torch.where(valid, target.double().abs(), 0.0).sum(dim=(0, 2, 3, 4))


class MeanAbsolutePercentageError(LeadMean):
    """Mean of absolute error ÷ absolute target over pixels, as a share of 1.

    Args:
        leads: T'.
        unit: Unit of the data; takes no part.
        value_range: Takes no part.
        zeros: What a pixel with target 0 counts: ``left-out`` none of them, ``as-right`` 0 unless the prediction is 0
            as well, then it is left out.
    """

    divisible = False

    def __init__(
        self,
        *,
        leads: int,
        unit: str,
        value_range: tuple[float, float] | None = None,
        zeros: Literal["left-out", "as-right"] = "left-out",
    ) -> None:
        del unit, value_range
        name, how = (
            ("mape", "left out") if zeros == "left-out" else ("mape-zeros-as-right", "counted as 0, 0/0 left out")
        )
        reduction = f"mean of |error| ÷ |target| over valid pixels of all windows and channels; targets of 0 {how}"
        super().__init__(leads=leads, identity=MetricIdentity(name=name, unit="1", better="lower", reduction=reduction))
        self.zeros = zeros

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W); NaN targets are missing."""
        require_frames(prediction, target, self.leads)
        valid, zero = ~target.isnan(), target == 0
        share = (prediction.double() - target.double()).abs() / target.double().abs()
        share = share.masked_fill(zero & prediction.isfinite(), 0.0)
        counted = valid & ~zero if self.zeros == "left-out" else valid & ~(zero & (prediction == 0))
        shown = counted | (valid & ~prediction.isfinite())  # a broken prediction shows at any target
        self.total += torch.where(shown, share, 0.0).sum(dim=(0, 2, 3, 4))
        self.count += counted.sum(dim=(0, 2, 3, 4))
