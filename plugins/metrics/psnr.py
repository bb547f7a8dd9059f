"""Peak signal-to-noise ratio and signal-to-noise ratio."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from unistd.core.metric import MetricIdentity
from unistd.plugins.metrics.frames import CAP, clipped, onto_unit, require_frames, require_range, suffixed
from unistd.plugins.metrics.lead_mean import LeadMean


class PeakSignalToNoise(LeadMean):
    """10 log10(L² / mse) of each frame over its valid pixels, at most 100 dB, mean over frames.

    A frame without a valid pixel takes no part.

    Args:
        leads: T'.
        unit: Unit of the data; takes no part.
        value_range: Smallest and largest value of the data in its unit; L is their difference.
        clip: Whether predictions beyond ``value_range`` count as its ends.

    Raises:
        UsageError: No ``value_range``.
    """

    def __init__(self, *, leads: int, unit: str, value_range: tuple[float, float] | None, clip: bool = False) -> None:
        del unit
        self.value_range = require_range("psnr", value_range)
        self.width = self.value_range[1] - self.value_range[0]
        self.clip = clip
        how = "predictions clipped to the value range" if clip else "unclipped"
        identity = MetricIdentity(
            name=suffixed("psnr", clip=clip),
            unit="dB",
            better="higher",
            reduction=f"per frame over valid pixels of all channels, {how}, at most {CAP:g} dB; mean over frames",
            data_range=self.width,
        )
        super().__init__(leads=leads, identity=identity)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W); NaN targets are missing."""
        require_frames(prediction, target, self.leads)
        if self.clip:
            prediction = clipped(prediction, self.value_range)
        valid = ~target.isnan()
        squared = torch.where(valid, (prediction.double() - target.double()).square(), 0.0)
        pixels = valid.sum(dim=(2, 3, 4))
        mse = squared.sum(dim=(2, 3, 4)) / pixels
        decibels = (10 * torch.log10(self.width**2 / mse)).clamp(max=CAP)
        self.total += torch.where(pixels > 0, decibels, 0.0).sum(dim=0)
        self.count += (pixels > 0).sum(dim=0)


class SignalToNoise(LeadMean):
    """10 log10(Σ target² / Σ error²) of each frame over its valid pixels, within ±100 dB, mean over frames.

    A frame forecast without error has 100 dB, any other frame whose target is 0 everywhere -100 dB.

    Args:
        leads: T'.
        unit: Unit of the data; takes no part.
        value_range: Smallest and largest value of the data in its unit; ``clip`` and ``scale="range"`` need them.
        clip: Whether predictions beyond ``value_range`` count as its ends.
        scale: ``physical``, or ``range`` for frames with ``value_range`` mapped onto [0, 1].

    Raises:
        UsageError: No ``value_range`` where it is needed.
    """

    divisible = False

    def __init__(
        self,
        *,
        leads: int,
        unit: str,
        value_range: tuple[float, float] | None = None,
        clip: bool = False,
        scale: Literal["physical", "range"] = "physical",
    ) -> None:
        del unit
        name = suffixed("snr", range=scale == "range", clip=clip)
        self.value_range = require_range(name, value_range) if clip or scale == "range" else (0.0, 1.0)
        self.clip, self.scale = clip, scale
        how = "predictions clipped to the value range" if clip else "unclipped"
        onto = ", value range mapped onto [0, 1]" if scale == "range" else ""
        identity = MetricIdentity(
            name=name,
            unit="dB",
            better="higher",
            reduction=f"per frame over valid pixels of all channels, {how}{onto}, within ±{CAP:g} dB; mean over frames",
        )
        super().__init__(leads=leads, identity=identity)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W); NaN targets are missing."""
        require_frames(prediction, target, self.leads)
        x, y = prediction.double(), target.double()
        if self.clip:
            x = clipped(x, self.value_range)
        if self.scale == "range":
            x, y = onto_unit(x, self.value_range), onto_unit(y, self.value_range)
        valid = ~target.isnan()
        signal = torch.where(valid, y.square(), 0.0).sum(dim=(2, 3, 4))
        noise = torch.where(valid, (x - y).square(), 0.0).sum(dim=(2, 3, 4))
        decibels = (10 * torch.log10(signal / noise)).clamp(-CAP, CAP).masked_fill(noise == 0, CAP)
        scored = valid.any(dim=4).any(dim=3).any(dim=2)
        self.total += torch.where(scored, decibels.masked_fill(~noise.isfinite(), torch.nan), 0.0).sum(dim=0)
        self.count += scored.sum(dim=0)
