"""Means of pixel errors: mse, mae and rmse, per pixel or summed over the frame."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor

from unistd.core.metric import MetricIdentity, Score
from unistd.plugins.metrics.frames import require_frames, require_range, suffixed
from unistd.plugins.metrics.lead_mean import LeadMean

Reduction = Literal["pixel", "frame"]
Scale = Literal["physical", "range"]
POOLED = "mean over valid pixels of all windows, channels and leads"
FRAME_SUM = "sum over valid pixels of all channels of a frame, mean over frames of all windows and leads"


class _PixelError(LeadMean):
    """Mean of an error over pixels, or over frames of its sum; what of a prediction is broken at a valid pixel shows.

    Args:
        name: Of the metric with default options.
        power: 2 for an error whose unit is the square of the data's.
        of: What is done with the mean, in words before ``reduction``.
        roots: Whether a frame counts by the root of its sum or mean.
    """

    def __init__(
        self,
        name: str,
        *,
        leads: int,
        unit: str,
        value_range: tuple[float, float] | None,
        reduction: Reduction,
        scale: Scale,
        power: int = 1,
        of: str = "",
        roots: bool = False,
    ) -> None:
        name = suffixed(name, frame_sum=reduction == "frame", roots=roots, range=scale == "range")
        width = None
        if scale == "range":
            low, high = require_range(name, value_range)
            width, unit = high - low, "1"
        text = of + _words(reduction, roots=roots) + (" of errors ÷ the width of the value range" if width else "")
        identity = MetricIdentity(
            name=name, unit=_square(unit) if power == 2 else unit, better="lower", reduction=text, data_range=width
        )
        super().__init__(leads=leads, identity=identity)
        self.reduction, self.roots, self.width = reduction, roots, width or 1.0

    @abstractmethod
    def error(self, difference: Tensor) -> Tensor:
        """Return the error of each pixel from prediction minus target."""

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W); NaN targets are missing."""
        require_frames(prediction, target, self.leads)
        valid = ~target.isnan()
        error = torch.where(valid, self.error((prediction.double() - target.double()) / self.width), 0.0)
        frames, pixels = error.sum(dim=(2, 3, 4)), valid.sum(dim=(2, 3, 4))
        if self.reduction == "pixel" and not self.roots:
            self.total += frames.sum(dim=0)
            self.count += pixels.sum(dim=0)
            return
        if self.reduction == "pixel":
            frames = frames / pixels.clamp(min=1)
        self.total += (frames.sqrt() if self.roots else frames).sum(dim=0)
        self.count += (pixels > 0).sum(dim=0)


def _words(reduction: Reduction, *, roots: bool) -> str:
    if roots:
        inside = "sum" if reduction == "frame" else "mean"
        return f"root of the {inside} over valid pixels of all channels of a frame, mean over frames of all windows"
    return FRAME_SUM if reduction == "frame" else POOLED


def _square(unit: str) -> str:
    return unit if unit == "1" else f"{unit}²" if unit.isalpha() else f"({unit})²"


class MeanSquaredError(_PixelError):
    """Mean squared error per valid pixel; another number with other options.

    Args:
        leads: T'.
        unit: Unit of the data; the score's is its square.
        value_range: Smallest and largest value in ``unit``; only ``scale="range"`` needs them.
        reduction: ``pixel``, or ``frame`` for the sum over a frame's valid pixels, mean over frames with one.
        scale: ``physical``, or ``range`` for errors divided by the width of ``value_range``.

    Raises:
        UsageError: No ``value_range`` for ``scale="range"``.
    """

    def __init__(
        self,
        *,
        leads: int,
        unit: str,
        value_range: tuple[float, float] | None = None,
        reduction: Reduction = "pixel",
        scale: Scale = "physical",
    ) -> None:
        super().__init__(
            "mse", leads=leads, unit=unit, value_range=value_range, reduction=reduction, scale=scale, power=2
        )

    def error(self, difference: Tensor) -> Tensor:
        """Return the square of ``difference``."""
        return difference.square()


class MeanAbsoluteError(_PixelError):
    """Mean absolute error per valid pixel; arguments as for ``MeanSquaredError``."""

    def __init__(
        self,
        *,
        leads: int,
        unit: str,
        value_range: tuple[float, float] | None = None,
        reduction: Reduction = "pixel",
        scale: Scale = "physical",
    ) -> None:
        super().__init__("mae", leads=leads, unit=unit, value_range=value_range, reduction=reduction, scale=scale)

    def error(self, difference: Tensor) -> Tensor:
        """Return the size of ``difference``."""
        return difference.abs()


class RootMeanSquaredError(_PixelError):
    """Root of the mean squared error; arguments as for ``MeanSquaredError``.

    Args:
        leads, unit, value_range, reduction, scale: As for ``MeanSquaredError``.
        root: ``once`` of the mean over everything, or ``per-frame``, mean of the roots.
    """

    def __init__(
        self,
        *,
        leads: int,
        unit: str,
        value_range: tuple[float, float] | None = None,
        reduction: Reduction = "pixel",
        root: Literal["once", "per-frame"] = "once",
        scale: Scale = "physical",
    ) -> None:
        roots = root == "per-frame"
        of = "" if roots else "one root of the "
        super().__init__(
            "rmse",
            leads=leads,
            unit=unit,
            value_range=value_range,
            reduction=reduction,
            scale=scale,
            of=of,
            roots=roots,
        )

    def error(self, difference: Tensor) -> Tensor:
        """Return the square of ``difference``."""
        return difference.square()

    def compute(self) -> Score:
        """Return the mean of the frames' roots, or the root of each mean."""
        score = super().compute()
        return score if self.roots else Score(score.value.sqrt(), score.per_lead.sqrt())
