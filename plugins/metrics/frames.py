"""What every metric asks of its input."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unistd.core.errors import DataError, UsageError

CAP = 100.0  # dB; one frame without error would make the mean of a ratio of powers infinite


def require_frames(prediction: Tensor, target: Tensor, leads: int) -> None:
    """Check that ``prediction`` and ``target`` are both (B, T', C', H, W) with T' = ``leads``.

    Raises:
        UsageError: They are not; broadcasting would score something else without a word.
    """
    if prediction.shape != target.shape or target.ndim != 5 or target.shape[1] != leads:
        raise UsageError(
            f"cannot score a forecast of shape '{tuple(prediction.shape)}' against '{tuple(target.shape)}'",
            help=f"both are (B, T', C', H, W) with T' = {leads}",
        )


def require_range(metric: str, value_range: tuple[float, float] | None) -> tuple[float, float]:
    """Return ``value_range``, the smallest and largest value that ``metric`` needs.

    Raises:
        UsageError: There is none, or it has no width.
    """
    if value_range is None:
        raise UsageError(
            f"metric '{metric}' needs the range of the data, and the task states none",
            help="give the task's card a value_range, or score it by mse, mae or rmse",
        )
    width = value_range[1] - value_range[0]
    if not (math.isfinite(width) and width > 0):
        raise UsageError(
            f"metric '{metric}' got the value range '{value_range}', whose width is no positive number",
            help="the card's value_range goes from the smallest to the largest value",
        )
    return value_range


def require_scored(metric: str, count: Tensor) -> None:
    """Check that ``count`` (T'), what was scored at each lead, is not all zero.

    Raises:
        DataError: Nothing was scored, so there is no value.
    """
    if not count.any():
        raise DataError(
            f"metric '{metric}' has no value: not one target was valid",
            help="all targets so far are missing (NaN), or, for mape and wmape, 0, or, for ssim, no window is whole",
        )


def clipped(frames: Tensor, value_range: tuple[float, float]) -> Tensor:
    """Return ``frames`` with values beyond ``value_range`` at its ends, except infinite ones, which have to show."""
    return torch.where(frames.isfinite(), frames.clamp(*value_range), frames)


def onto_unit(frames: Tensor, value_range: tuple[float, float]) -> Tensor:
    """Return ``frames`` with ``value_range`` mapped onto [0, 1]."""
    low, high = value_range
    return (frames - low) / (high - low)


def suffixed(name: str, **options: bool) -> str:
    """Return ``name`` with the names of those ``options`` that hold, which make it another number."""
    return "-".join([name, *(option.replace("_", "-") for option, holds in options.items() if holds)])
