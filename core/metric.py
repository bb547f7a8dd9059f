"""A number with an identity, so that two of them can be set side by side or are seen to differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor
from torchmetrics import Metric as TorchMetric


@dataclass(frozen=True, kw_only=True)
class MetricIdentity:
    """What a metric's number means.

    Attributes:
        name: ``mse``, ``psnr``, …
        unit: ``trips²``, ``dB``, ``1``.
        better: ``lower`` or ``higher``.
        reduction: What is averaged over what, in words.
        data_range: The L of PSNR and SSIM, in the data's unit; ``None`` where it plays no part.
        window: Such as ``7×7 uniform``; empty where it plays no part.
    """

    name: str
    unit: str
    better: str
    reduction: str
    data_range: float | None = None
    window: str = ""


class Score(NamedTuple):
    """A metric's value over everything, a scalar, and per lead time (T')."""

    value: Tensor
    per_lead: Tensor


class Metric(TorchMetric, ABC):
    """A streaming metric over frames in physical units; the same value for any batch size and number of processes.

    Missing pixels are NaN in ``target`` and take no part.
    """

    identity: MetricIdentity

    @abstractmethod
    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W)."""

    @abstractmethod
    def compute(self) -> Score:
        """Return the value over everything so far and per lead time."""
