"""What unistd asks of every task, metric and head, and what only this package knows of its own."""

import pytest
import torch

from unistd.core.testing import HeadContract, MetricContract, TaskContract
from unistd_hello_task.heat import ROOM, Heat
from unistd_hello_task.patch_head import PatchHead
from unistd_hello_task.peak import PeakError


class TestHeat(TaskContract):
    def make(self):
        return Heat(plates=4)


class TestPeakError(MetricContract):
    def make(self, *, leads):
        return PeakError(leads=leads, unit="1")


class TestPatchHead(HeadContract):
    def make(self, **sizes):
        return PatchHead(patch=3, **sizes)


def test_heat_spreads_and_none_is_lost():
    plate, *_ = (own.frames[:, 0] for own in Heat(plates=1, spots=1).sequences())
    peak, mean = plate.max(axis=(1, 2)), plate.mean(axis=(1, 2))
    assert (peak[1:] < peak[:-1]).all()
    assert mean == pytest.approx(mean[0])
    assert plate.min() > ROOM - 1


def test_the_peak_is_compared_wherever_it_lies():
    metric = PeakError(leads=2, unit="degC")
    target, prediction = torch.zeros(1, 2, 1, 3, 3), torch.zeros(1, 2, 1, 3, 3)
    target[0, 0, 0, 0, 0], prediction[0, 0, 0, 2, 2] = 50.0, 50.0
    target[0, 1, 0, 1, 1], prediction[0, 1, 0, 1, 1] = 50.0, 44.0
    metric.update(prediction, target)
    assert metric.compute().per_lead.tolist() == [0.0, 6.0]
    assert metric.compute().value == 3.0


def test_a_new_head_forecasts_the_last_frame():
    head = PatchHead(past=2, future=3, channels_in=1, channels_out=1, trunk_width=8)
    frames = torch.rand(1, 2, 1, 5, 6)
    assert torch.equal(head.decode(head.encode(frames)), frames[:, -1:].expand(1, 3, 1, 5, 6))
