"""How far forecasts are too high or too low on the whole."""

from __future__ import annotations

import torch
from torch import Tensor
from unistd.core.errors import DataError
from unistd.core.metric import Metric, MetricIdentity, Score


class NewNameMetric(Metric):
    """Size of the mean of prediction minus target over valid pixels; errors of opposite sign cancel.

    Args:
        leads: Frames forecast T'.
        unit: Unit of the data.
        value_range: Smallest and largest value in ``unit``; plays no part.
        relative: Whether the mean error is divided by the mean of the targets.
    """

    full_state_update = False
    error: Tensor
    truth: Tensor
    count: Tensor

    def __init__(
        self,
        *,
        leads: int,
        unit: str,
        value_range: tuple[float, float] | None = None,
        relative: bool = False,
    ) -> None:
        super().__init__()
        del value_range
        self.relative = relative
        self.identity = MetricIdentity(
            name="newname" + ("-relative" if relative else ""),  # a name of its own
            unit="1" if relative else unit,
            better="lower",
            reduction="size of the mean error over valid pixels" + (" ÷ mean of the targets" if relative else ""),
        )
        for state in ("error", "truth", "count"):  # sums, so that processes can be joined
            self.add_state(state, torch.zeros(leads, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W); NaN targets are missing."""
        valid = ~target.isnan()
        over = (0, 2, 3, 4)
        self.error += torch.where(valid, prediction.double() - target.double(), 0.0).sum(dim=over)
        self.truth += torch.where(valid, target.double(), 0.0).sum(dim=over)
        self.count += valid.sum(dim=over)

    def compute(self) -> Score:
        """Return the size of the mean error over everything so far and per lead time.

        Raises:
            DataError: No target was valid.
        """
        if not self.count.any():
            raise DataError(f"metric '{self.identity.name}' has no value: not one target was valid")
        by = self.truth if self.relative else self.count
        return Score((self.error.sum() / by.sum()).abs(), (self.error / by).abs())
