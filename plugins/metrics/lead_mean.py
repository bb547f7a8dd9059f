"""A sum divided by a count, at each lead and over all of them."""

from __future__ import annotations

import torch
from torch import Tensor

from unistd.core.metric import Metric, MetricIdentity, Score
from unistd.plugins.metrics.frames import require_scored


class LeadMean(Metric):
    """Mean of what a subclass adds in ``update``: totals and counts (T'), both in float64.

    Args:
        leads: T'.
        identity: What the mean is called and of what it is.
    """

    total: Tensor
    count: Tensor
    full_state_update = False

    def __init__(self, *, leads: int, identity: MetricIdentity) -> None:
        super().__init__()
        self.leads = leads
        self.identity = identity
        self.add_state("total", torch.zeros(leads, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(leads, dtype=torch.float64), dist_reduce_fx="sum")

    def compute(self) -> Score:
        """Return the mean over everything and per lead."""
        require_scored(self.identity.name, self.count)
        return Score(self.total.sum() / self.count.sum(), self.total / self.count)
