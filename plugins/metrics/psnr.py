"""Peak signal-to-noise ratio."""

from __future__ import annotations

import torch
from torch import Tensor

from unistd.core.metric import Metric, MetricIdentity, Score
from unistd.plugins.metrics.frames import require_frames, require_range, require_scored

CAP = 100.0  # dB; one frame without error would make the mean infinite


class PeakSignalToNoise(Metric):
    """10 log10(L² / mse) of each frame over its valid pixels, at most 100 dB, mean over frames.

    Predictions are not clipped to the range. A frame without a valid pixel takes no part.

    Args:
        leads: T'.
        unit: Unit of the data; takes no part.
        data_range: L, the width of the data's range in its unit.

    Raises:
        UsageError: No ``data_range``.
    """

    total: Tensor
    count: Tensor
    full_state_update = False

    def __init__(self, *, leads: int, unit: str, data_range: float | None) -> None:
        super().__init__()
        del unit
        self.leads = leads
        self.data_range = require_range("psnr", data_range)
        self.identity = MetricIdentity(
            name="psnr",
            unit="dB",
            better="higher",
            reduction=f"per frame over valid pixels of all channels, unclipped, at most {CAP:g} dB; mean over frames",
            data_range=self.data_range,
        )
        self.add_state("total", torch.zeros(leads, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(leads, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W); NaN targets are missing."""
        require_frames(prediction, target, self.leads)
        valid = ~target.isnan()
        squared = torch.where(valid, (prediction.double() - target.double()).square(), 0.0)
        pixels = valid.sum(dim=(2, 3, 4))
        mse = squared.sum(dim=(2, 3, 4)) / pixels
        decibels = (10 * torch.log10(self.data_range**2 / mse)).clamp(max=CAP)
        self.total += torch.where(pixels > 0, decibels, 0.0).sum(dim=0)
        self.count += (pixels > 0).sum(dim=0)

    def compute(self) -> Score:
        """Return the mean over all frames and per lead."""
        require_scored("psnr", self.count)
        return Score(self.total.sum() / self.count.sum(), self.total / self.count)
