from __future__ import annotations

import pytest

from unistd.core.training.validation import Validation


def test_score_is_the_mean_ratio():
    assert Validation({"a": 1.0, "b": 3.0}, {"a": 2.0, "b": 2.0}).score == pytest.approx((0.5 + 1.5) / 2)


def test_a_task_that_never_changes_counts_its_plain_error():
    assert Validation({"a": 0.3}, {"a": 0.0}).score == pytest.approx(0.3)
