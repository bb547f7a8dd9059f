"""A model with its units: physical frames in, physical forecasts out, and the loss between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from unistd.core.data.normalization import Normalization
from unistd.core.errors import ModelError
from unistd.core.model import UnifiedModel


class Forecaster(nn.Module):
    """A ``UnifiedModel`` with the normalisation of each task, which therefore travels with the weights.

    Raises:
        ModelError: A task has a head but no normalisation, or the other way round.
    """

    def __init__(self, model: UnifiedModel, normalizations: Mapping[str, Normalization]) -> None:
        super().__init__()
        unpaired = set(model.heads) ^ set(normalizations)
        if unpaired:
            raise ModelError(f"task '{min(unpaired)}' has only one of head and normalisation")
        self.model = model
        self.normalizations = nn.ModuleDict(normalizations)

    def forward(self, task: str, past: Tensor, future: Tensor) -> Tensor:
        """Return the mean squared error, in normalised units, of forecasting ``future`` from ``past``, both physical.

        Missing pixels (NaN) enter as 0, the mean of standardised data, and take no part in the error (method §2).
        """
        error, pixels = self.squared_error(task, past, future)
        return error / pixels.clamp(min=1)

    def squared_error(self, task: str, past: Tensor, future: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of squared errors in normalised units and the number of valid pixels it is over."""
        normalization = cast(Normalization, self.normalizations[task])
        forecast = self.model(_filled(normalization.normalize(past)), task)
        return squared_error(forecast.float(), normalization.normalize(future))

    @torch.inference_mode()
    def forecast(self, task: str, past: Tensor) -> Tensor:
        """Forecast frames (B, T', C', H, W) from ``past`` (B, T, C, H, W), both in physical units; NaN is missing."""
        return self.whole_path(task, past)

    def whole_path(self, task: str, past: Tensor) -> Tensor:
        """Return what ``forecast`` does in whatever mode torch is in, for those who trace it."""
        normalization = cast(Normalization, self.normalizations[task])
        return normalization.denormalize(self.model(_filled(normalization.normalize(past)), task).float())


def squared_error(forecast: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of squared errors over the pixels of ``target`` that are not NaN, and their number."""
    valid = target.isfinite()
    error = torch.where(valid, forecast - target, 0.0)
    return error.square().sum(), valid.sum()


def _filled(x: Tensor) -> Tensor:
    return torch.where(x.isfinite(), x, 0.0)
