from __future__ import annotations

import pytest

from unistd.core.training.learning_rate import rate
from unistd.core.training.settings import Constant, Cosine


def test_warm_up_rises_linearly_to_the_top():
    schedule = Cosine(warmup=4)
    assert [rate(step, 100, schedule) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert rate(4, 100, schedule) == 1.0


def test_cosine_passes_the_middle_and_ends_near_the_floor():
    schedule = Cosine(warmup=0, floor=0.2)
    assert rate(50, 100, schedule) == pytest.approx(0.6)
    assert rate(100, 100, schedule) == pytest.approx(0.2)


def test_constant_stays():
    assert {rate(step, 10, Constant(warmup=1)) for step in range(1, 10)} == {1.0}
