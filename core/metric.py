"""A number with an identity, so that two of them can be set side by side or are seen to differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from torch import Tensor
from torchmetrics import Metric as TorchMetric


@dataclass(frozen=True, kw_only=True)
class MetricIdentity:
    """What a metric's number means.

    Attributes:
        name: ``mse``, ``psnr``, …; with what makes it another number among several forms, such as ``mse-frame-sum``.
            Scores are kept under it.
        unit: ``trips²``, ``dB``, ``1``.
        better: ``lower``, ``higher``, or ``one`` where both more and less than 1 are worse.
        reduction: What is averaged over what, in words.
        data_range: The L of PSNR and SSIM, in the data's unit; ``None`` where it plays no part.
        window: Such as ``7×7 uniform``; empty where it plays no part.
        thresholds: From which values on something is an event, in the data's unit; empty where there are none.
    """

    name: str
    unit: str
    better: str
    reduction: str
    data_range: float | None = None
    window: str = ""
    thresholds: tuple[float, ...] = ()


class Score(NamedTuple):
    """A metric's value over everything, a scalar, and per lead time (T'), NaN at a lead that has none.

    ``parts`` are scalars that ``value`` is made of, by name, such as one for each threshold; most metrics have none.
    """

    value: Tensor
    per_lead: Tensor
    parts: Mapping[str, Tensor] = MappingProxyType({})


class Metric(TorchMetric, ABC):
    """A streaming metric over frames in physical units; the same value for any batch size and number of processes.

    Missing pixels are NaN in ``target`` and take no part; a NaN or infinity of ``prediction`` elsewhere makes the value
    NaN or infinite. It is built with its options and ``leads`` (T'), ``unit`` of the data and ``value_range``, the
    smallest and largest value in that unit or ``None``, as keywords.

    Attributes:
        identity: What its number means.
        divisible: Whether values divided by their channel's deviation can be scored as well, so that a task whose
            channels differ in unit can have it.
    """

    identity: MetricIdentity
    divisible: ClassVar[bool] = True
    full_state_update = False  # a batch's state does not depend on those before it, so states can be put together

    @abstractmethod
    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W)."""

    @abstractmethod
    def compute(self) -> Score:
        """Return the value over everything so far and per lead time."""
