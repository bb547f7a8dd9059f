"""What only this package can know of its metric."""

from __future__ import annotations

import pytest
import torch
from unistd.core.errors import DataError

from unistd_newname.metric import NewNameMetric


def test_errors_of_opposite_sign_cancel() -> None:
    target = torch.full((1, 2, 1, 1, 2), 4.0)
    prediction = target + torch.tensor([[[[[1.0, -1.0]]], [[[3.0, 1.0]]]]])
    for relative, wanted in ((False, [0.0, 2.0]), (True, [0.0, 0.5])):
        metric = NewNameMetric(leads=2, unit="m", relative=relative)
        metric.update(prediction, target)
        assert metric.compute().per_lead.tolist() == wanted


def test_nothing_valid_has_no_value() -> None:
    metric = NewNameMetric(leads=1, unit="m")
    metric.update(torch.zeros(1, 1, 1, 2, 2), torch.full((1, 1, 1, 2, 2), torch.nan))
    with pytest.raises(DataError, match="not one target was valid"):
        metric.compute()
