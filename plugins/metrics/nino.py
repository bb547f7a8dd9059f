"""How well the Nino3.4 index, a three-month mean of sea surface temperature over a box, is forecast."""

from __future__ import annotations

import torch
from torch import Tensor

from unistd.core.errors import UsageError
from unistd.core.metric import Metric, MetricIdentity, Score
from unistd.plugins.metrics.frames import require_frames, require_scored

MONTHS = 3
WEIGHTS = torch.tensor([1.5] * 4 + [2.0] * 7 + [3.0] * 7 + [4.0] * 6, dtype=torch.float64)  # the contest's, by lead
EPSILON = 1e-6  # in the denominator of the correlation, as where the contest's data were first used


class _Nino(Metric):
    """Moments of the index over windows, at each lead that has one: frames l, l + 1 and l + 2 make the index of lead l.

    Both sides' index is the mean of the box's valid pixels. An index over a frame without any takes no part.

    Args:
        name: Of the metric.
        leads: T', at least 3; the last two have no value of their own.
        unit: Unit of the data.
        better, reduction: As in ``MetricIdentity``; the box is added.
        rows, columns: First row and column of the box, and the first beyond it.

    Raises:
        UsageError: Too few leads; in ``update``, several channels, or a box that is not in the frame.
    """

    divisible = False
    moments: Tensor
    full_state_update = False

    def __init__(
        self,
        name: str,
        *,
        leads: int,
        unit: str,
        better: str,
        reduction: str,
        rows: tuple[int, int],
        columns: tuple[int, int],
    ) -> None:
        super().__init__()
        if leads < MONTHS:
            raise UsageError(
                f"metric '{name}' needs the mean of {MONTHS} months, and the window forecasts '{leads}'",
                help=f"forecast at least {MONTHS} frames",
            )
        self.leads, self.rows, self.columns = leads, rows, columns
        box = f"index: mean of rows {rows[0]}:{rows[1]} and columns {columns[0]}:{columns[1]} over {MONTHS} months"
        self.identity = MetricIdentity(name=name, unit=unit, better=better, reduction=f"{reduction}; {box}, of frames")
        zeros = torch.zeros(7, leads - MONTHS + 1, dtype=torch.float64)
        self.add_state("moments", zeros, dist_reduce_fx="sum")  # n, x, y, xx, yy, xy, (x - y)²

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', 1, H, W); NaN targets are missing."""
        require_frames(prediction, target, self.leads)
        self._check_box(target)
        valid = ~target.isnan()
        x, y = (self._index(frames, valid) for frames in (prediction, target))
        scored = ~y.isnan()  # a broken prediction is no missing target
        moments = torch.stack([torch.ones_like(x), x, y, x * x, y * y, x * y, (x - y).square()])
        self.moments += torch.where(scored, moments, 0.0).sum(dim=1)

    def _index(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Return the index (B, T' - 2) of ``frames`` (B, T', 1, H, W), NaN where a frame has no valid pixel."""
        box = (..., 0, slice(*self.rows), slice(*self.columns))
        total = torch.where(valid, frames.double(), 0.0)[box].sum(dim=(-2, -1))
        return (total / valid[box].sum(dim=(-2, -1))).unfold(1, MONTHS, 1).mean(dim=-1)

    def _check_box(self, target: Tensor) -> None:
        channels, height, width = target.shape[2:]
        if channels != 1:
            raise UsageError(f"metric '{self.identity.name}' takes one channel, got '{channels}'", help="leave it out")
        if self.rows[1] > height or self.columns[1] > width:
            raise UsageError(
                f"the box of {self.identity.name} ends at '{self.rows[1]}×{self.columns[1]}', beyond the frames",
                help=f"frames have {height}×{width} pixels; give rows and columns inside them",
            )

    def _by_lead(self, values: Tensor) -> Tensor:
        """Return ``values`` (T' - 2) as (T'), NaN at leads that begin no three months, or at which nothing counted."""
        known = values.masked_fill(self.moments[0] == 0, torch.nan)
        return torch.cat([known, known.new_full((MONTHS - 1,), torch.nan)])


class NinoCorrelation(_Nino):
    """Correlation of forecast and true index over windows, at each lead; its mean, or its weighted mean.

    Args:
        leads, unit, rows, columns: As for ``_Nino``; the unit takes no part.
        value_range: Takes no part.
        weighted: Whether lead l counts w(l) ln(l), with the weights of the ENSO contest, not divided by their sum: a
            perfect forecast of 12 leads has 3.406.
    """

    def __init__(
        self,
        *,
        leads: int,
        unit: str,
        value_range: tuple[float, float] | None = None,
        weighted: bool = False,
        rows: tuple[int, int] = (10, 13),
        columns: tuple[int, int] = (19, 30),
    ) -> None:
        del unit, value_range
        name = "nino-correlation-weighted" if weighted else "nino-correlation"
        mean = "mean over leads l of w(l) ln(l) times" if weighted else "mean over leads of"
        reduction = f"{mean} the correlation over windows"
        super().__init__(name, leads=leads, unit="1", better="higher", reduction=reduction, rows=rows, columns=columns)
        self.weighted = weighted
        if weighted and leads - MONTHS + 1 > len(WEIGHTS):
            raise UsageError(
                f"metric '{name}' knows the weights of {len(WEIGHTS)} leads, and the window has '{leads - MONTHS + 1}'",
                help="leave out weighted",
            )

    def compute(self) -> Score:
        """Return the mean of the correlations and the correlation per lead."""
        require_scored(self.identity.name, self.moments[0])
        n, x, y, xx, yy, xy, _ = self.moments
        spread = (xx - x * x / n).clamp(min=0) * (yy - y * y / n).clamp(min=0)
        correlation = (xy - x * y / n) / (spread.sqrt() + EPSILON)
        scored = n != 0
        values = correlation
        if self.weighted:
            lead = torch.arange(1, len(n) + 1, dtype=torch.float64, device=n.device)
            values = WEIGHTS[: len(n)].to(n.device) * lead.log() * correlation
        return Score(values[scored].mean(), self._by_lead(correlation))


class NinoRootMeanSquaredError(_Nino):
    """Root of the mean squared error of the index over windows, at each lead; mean over leads.

    Args:
        leads, unit, rows, columns: As for ``_Nino``.
        value_range: Takes no part.
    """

    def __init__(
        self,
        *,
        leads: int,
        unit: str,
        value_range: tuple[float, float] | None = None,
        rows: tuple[int, int] = (10, 13),
        columns: tuple[int, int] = (19, 30),
    ) -> None:
        del value_range
        reduction = "mean over leads of the root of the mean squared error over windows"
        super().__init__(
            "nino-rmse", leads=leads, unit=unit, better="lower", reduction=reduction, rows=rows, columns=columns
        )

    def compute(self) -> Score:
        """Return the mean of the roots and the root per lead."""
        require_scored(self.identity.name, self.moments[0])
        roots = (self.moments[6] / self.moments[0]).sqrt()
        return Score(roots[self.moments[0] != 0].mean(), self._by_lead(roots))
