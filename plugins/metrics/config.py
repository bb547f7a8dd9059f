"""Options of the metrics; imports no torch."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from unistd.registry.component import Config, UserPath
from unistd.registry.slot import Choice

IMAGE_METRICS = (Choice("mse"), Choice("mae"), Choice("psnr"), Choice("ssim"))
"""Scores that pictures have by default."""


class PixelConfig(Config):
    """Mean error over pixels or frames."""

    reduction: Literal["pixel", "frame"] = "pixel"
    """``pixel``: mean over valid pixels; ``frame``: sum over a frame's valid pixels, mean over frames (OpenSTL)."""
    scale: Literal["physical", "range"] = "physical"
    """``physical``: in the data's unit; ``range``: errors ÷ the width of the task's value range, as on [0, 1] data."""


class RmseConfig(PixelConfig):
    """Root mean squared error."""

    root: Literal["once", "per-frame"] = "once"
    """``once``: root of the mean over everything (OpenSTL); ``per-frame``: mean of each frame's root (PredBench)."""


class PsnrConfig(Config):
    """Peak signal-to-noise ratio; its range is the task's value range."""

    clip: bool = False
    """Whether predictions beyond the value range count as its ends (OpenSTL)."""


class SnrConfig(PsnrConfig):
    """Signal-to-noise ratio."""

    scale: Literal["physical", "range"] = "physical"
    """``physical``: frames as they are; ``range``: the task's value range mapped onto [0, 1] first."""


class SsimConfig(Config):
    """Structural similarity; its range is the task's value range."""

    window: Literal["uniform", "gaussian"] = "uniform"
    """``uniform``: 7×7 with sample covariance; ``gaussian``: 11×11 with sigma 1.5, as where SSIM was introduced."""
    span: Literal[1, 2] = 1
    """L in widths of the value range; 2 is what OpenSTL's numbers have, for scikit-image took floats as [-1, 1]."""
    clip: bool = False
    """Whether predictions beyond the value range count as its ends (OpenSTL)."""
    scale: Literal["physical", "range"] = "physical"
    """``physical``: frames as they are; ``range``: the task's value range mapped onto [0, 1] first."""


class WmapeConfig(Config):
    """Weighted mean absolute percentage error; no options."""


class MapeConfig(Config):
    """Mean absolute percentage error."""

    zeros: Literal["left-out", "as-right"] = "left-out"
    """Pixels with target 0: ``left-out``; ``as-right``: counted as 0, unless the forecast is 0 as well (PredBench)."""


class LpipsConfig(Config):
    """Learned perceptual similarity."""

    weights: UserPath
    """torchvision's file of the trunk: ``alexnet-owt-7be5be79.pth``, or ``vgg16-397923af.pth``."""
    net: Literal["alex", "vgg"] = "alex"
    """The trunk."""
    clip: bool = False
    """Whether predictions beyond the value range count as its ends (OpenSTL)."""


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(a >= b for a, b in pairwise(values)):
        raise PydanticCustomError("rising", "must rise, got '{values}'", {"values": list(values)})
    return values


class EventConfig(Config):
    """Scores of values at or above thresholds."""

    thresholds: Annotated[tuple[float, ...], Field(min_length=1), AfterValidator(_rising)]
    """From which values on something is an event, rising, in the data's unit; each is scored, and their mean."""
    pool: Literal[1, 4, 16] = 1
    """Side of the blocks of pixels that count as one, by their largest value; 1 is none."""
    average: Literal["pooled", "leads"] = "pooled"
    """``pooled``: counts pooled over leads; ``leads``: mean over leads of each lead's score (SEVIR challenge)."""
    epsilon: Annotated[float, Field(gt=0)] = 1e-4
    """Added to denominators; with it an event that nobody saw or forecast scores 0."""


Bounds = Annotated[tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]], AfterValidator(_rising)]


class NinoConfig(Config):
    """The Nino3.4 index."""

    rows: Bounds = (10, 13)
    """First row of the box and the first beyond it."""
    columns: Bounds = (19, 30)
    """First column of the box and the first beyond it."""


class NinoCorrelationConfig(NinoConfig):
    """Correlation of the Nino3.4 index."""

    weighted: bool = False
    """Whether later leads count more, as in the ENSO contest: a perfect forecast of 12 leads then has 3.406."""
