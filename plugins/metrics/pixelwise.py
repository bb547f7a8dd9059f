"""Errors pooled over pixels: mse, mae and rmse."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from unistd.core.metric import Metric, MetricIdentity, Score
from unistd.plugins.metrics.frames import require_frames, require_scored

POOLED = "mean over valid pixels of all windows, channels and leads"


class _PooledError(Metric):
    """Sum of an error and number of valid pixels, per lead; a prediction's NaN or infinity at a valid pixel shows."""

    total: Tensor
    count: Tensor
    full_state_update = False

    def __init__(self, *, leads: int, identity: MetricIdentity) -> None:
        super().__init__()
        self.leads = leads
        self.identity = identity
        self.add_state("total", torch.zeros(leads, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(leads, dtype=torch.float64), dist_reduce_fx="sum")

    @abstractmethod
    def error(self, difference: Tensor) -> Tensor:
        """Return the error of each pixel from prediction minus target."""

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W); NaN targets are missing."""
        require_frames(prediction, target, self.leads)
        valid = ~target.isnan()
        error = self.error(prediction.double() - target.double())
        self.total += torch.where(valid, error, 0.0).sum(dim=(0, 2, 3, 4))
        self.count += valid.sum(dim=(0, 2, 3, 4))

    def compute(self) -> Score:
        """Return the mean over everything and per lead."""
        require_scored(self.identity.name, self.count)
        return Score(self.total.sum() / self.count.sum(), self.total / self.count)


class MeanSquaredError(_PooledError):
    """Mean squared error per valid pixel (protocols' neutral form: a mean, never a sum over the frame).

    Args:
        leads: T'.
        unit: Unit of the data; the score's is its square.
        data_range: Takes no part.
    """

    def __init__(self, *, leads: int, unit: str, data_range: float | None = None) -> None:
        del data_range
        square = unit if unit == "1" else f"{unit}²" if unit.isalpha() else f"({unit})²"
        identity = MetricIdentity(name="mse", unit=square, better="lower", reduction=POOLED)
        super().__init__(leads=leads, identity=identity)

    def error(self, difference: Tensor) -> Tensor:
        """Return the square of ``difference``."""
        return difference.square()


class MeanAbsoluteError(_PooledError):
    """Mean absolute error per valid pixel; arguments as for ``MeanSquaredError``."""

    def __init__(self, *, leads: int, unit: str, data_range: float | None = None) -> None:
        del data_range
        super().__init__(leads=leads, identity=MetricIdentity(name="mae", unit=unit, better="lower", reduction=POOLED))

    def error(self, difference: Tensor) -> Tensor:
        """Return the size of ``difference``."""
        return difference.abs()


class RootMeanSquaredError(_PooledError):
    """One root of the pooled mean, not the mean of roots per frame; arguments as for ``MeanSquaredError``."""

    def __init__(self, *, leads: int, unit: str, data_range: float | None = None) -> None:
        del data_range
        identity = MetricIdentity(name="rmse", unit=unit, better="lower", reduction=f"one root of the {POOLED}")
        super().__init__(leads=leads, identity=identity)

    def error(self, difference: Tensor) -> Tensor:
        """Return the square of ``difference``."""
        return difference.square()

    def compute(self) -> Score:
        """Return the root of each pooled mean."""
        value, per_lead = super().compute()
        return Score(value.sqrt(), per_lead.sqrt())
