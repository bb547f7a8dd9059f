"""Structural similarity."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from unistd.core.errors import UsageError
from unistd.core.metric import MetricIdentity
from unistd.plugins.metrics.frames import clipped, onto_unit, require_frames, require_range, suffixed
from unistd.plugins.metrics.lead_mean import LeadMean

SIZE = {"uniform": 7, "gaussian": 11}


class StructuralSimilarity(LeadMean):
    """SSIM of each frame and channel with K1 = .01 and K2 = .03, mean over them (Wang et al. 2004).

    Equal to scikit-image's ``structural_similarity`` with ``data_range`` = L: its defaults for ``uniform``, and
    ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False`` for ``gaussian``. Only windows that lie wholly
    inside the frame and touch no missing pixel count; torchmetrics also counts mirrored ones across the edge.

    Args:
        leads: T'.
        unit: Unit of the data; takes no part.
        value_range: Smallest and largest value of the data in its unit.
        window: ``uniform`` is 7×7, ``gaussian`` 11×11 with sigma 1.5.
        span: L in widths of ``value_range``.
        clip: Whether predictions beyond ``value_range`` count as its ends.
        scale: ``physical``, or ``range`` for frames with ``value_range`` mapped onto [0, 1].

    Raises:
        UsageError: No ``value_range``; in ``update``, frames smaller than the window.
    """

    def __init__(
        self,
        *,
        leads: int,
        unit: str,
        value_range: tuple[float, float] | None,
        window: Literal["uniform", "gaussian"] = "uniform",
        span: Literal[1, 2] = 1,
        clip: bool = False,
        scale: Literal["physical", "range"] = "physical",
    ) -> None:
        del unit
        self.value_range = require_range("ssim", value_range)
        self.window, self.clip, self.scale = window, clip, scale
        self.size = SIZE[window]
        width = self.value_range[1] - self.value_range[0] if scale == "physical" else 1.0
        self.data_range = span * width
        how = "predictions clipped to the value range" if clip else "unclipped"
        onto = ", value range mapped onto [0, 1]" if scale == "range" else ""
        identity = MetricIdentity(
            name=suffixed("ssim", gaussian=window == "gaussian", l2=span == 2, range=scale == "range", clip=clip),
            unit="1",
            better="higher",
            reduction=f"per frame and channel over windows without a missing pixel, {how}{onto}; mean over both",
            data_range=self.data_range,
            window=f"{self.size}×{self.size} {window}",
        )
        super().__init__(leads=leads, identity=identity)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W); NaN targets are missing."""
        require_frames(prediction, target, self.leads)
        if min(target.shape[-2:]) < self.size:
            height, width = target.shape[-2:]
            raise UsageError(
                f"frames of '{height}×{width}' pixels are smaller than the {self.identity.window} window of ssim",
                help="leave ssim out for this task" + (", or use window: uniform" if self.window == "gaussian" else ""),
            )
        valid = ~target.isnan()
        broken = (valid & ~prediction.isfinite()).flatten(-2).any(dim=-1)
        x, y = prediction.double(), target.double()
        if self.clip:
            x = clipped(x, self.value_range)
        if self.scale == "range":
            x, y = onto_unit(x, self.value_range), onto_unit(y, self.value_range)
        similarity, whole = self._map(x, y, valid)
        windows = whole.sum(dim=(-2, -1))
        mean = torch.where(whole, similarity, 0.0).sum(dim=(-2, -1)) / windows
        scored = broken | (windows > 0)  # a NaN beside missing pixels may lie in no whole window, and still has to show
        self.total += torch.where(scored, mean.masked_fill(broken, torch.nan), 0.0).sum(dim=(0, 2))
        self.count += scored.sum(dim=(0, 2))

    def _map(self, prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Return the SSIM of each window (B, T', C', H-s+1, W-s+1) and whether it is free of missing pixels."""
        frames = valid.shape
        x, y, valid = (each.reshape(-1, 1, *frames[-2:]) for each in (prediction, target, valid))
        x, y = torch.where(valid, x, 0.0), torch.where(valid, y, 0.0)
        whole = functional.max_pool2d((~valid).double(), self.size, stride=1) == 0
        mean_x, mean_y = self._filter(x), self._filter(y)
        pixels = self.size**2
        unbiased = pixels / (pixels - 1) if self.window == "uniform" else 1.0
        variance_x = unbiased * (self._filter(x * x) - mean_x**2)
        variance_y = unbiased * (self._filter(y * y) - mean_y**2)
        covariance = unbiased * (self._filter(x * y) - mean_x * mean_y)
        c1, c2 = (0.01 * self.data_range) ** 2, (0.03 * self.data_range) ** 2
        similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        similarity = similarity / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))
        inside = (*frames[:-2], *similarity.shape[-2:])
        return similarity.reshape(inside), whole.reshape(inside)

    def _filter(self, x: Tensor) -> Tensor:
        """Return the weighted mean of each window inside the frames ``x`` (n, 1, H, W)."""
        offset = torch.arange(self.size, dtype=torch.float64, device=x.device) - self.size // 2
        weight = torch.exp(-(offset**2) / (2 * 1.5**2)) if self.window == "gaussian" else torch.ones_like(offset)
        weight = weight / weight.sum()
        rows = functional.conv2d(x, weight.reshape(1, 1, -1, 1))
        return functional.conv2d(rows, weight.reshape(1, 1, 1, -1))
