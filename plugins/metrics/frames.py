"""What every metric asks of its input."""

from __future__ import annotations

import math

from torch import Tensor

from unistd.core.errors import DataError, UsageError


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


def require_range(metric: str, data_range: float | None) -> float:
    """Return ``data_range``, the L of ``metric``.

    Raises:
        UsageError: There is none, or it is no positive number.
    """
    if data_range is None:
        raise UsageError(
            f"metric '{metric}' needs the range of the data, and the task states none",
            help="give the task's card a value_range, or score it by mse, mae or rmse",
        )
    if not (math.isfinite(data_range) and data_range > 0):
        raise UsageError(
            f"metric '{metric}' got the data range '{data_range}', which is no positive number",
            help="the card's value_range goes from the smallest to the largest value",
        )
    return data_range


def require_scored(metric: str, count: Tensor) -> None:
    """Check that ``count`` (T'), what was scored at each lead, is not all zero.

    Raises:
        DataError: Nothing was scored, so there is no value.
    """
    if not count.any():
        raise DataError(
            f"metric '{metric}' has no value: not one target was valid",
            help="all targets so far are missing (NaN), or, for ssim, no window is free of missing pixels",
        )
