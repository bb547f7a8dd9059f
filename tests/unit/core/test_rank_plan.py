from __future__ import annotations

import pytest
from pydantic import ValidationError

from unistd.core.errors import UsageError
from unistd.core.rank_plan import Phase, RankPlan


@pytest.mark.parametrize(("phase", "length"), [(0.11, 44), ({"steps": 30}, 30), ({"epochs": 1.5}, 75), (0.0001, 1)])
def test_a_phase_is_a_share_steps_or_epochs(phase, length):
    assert RankPlan(phase=phase).phase.length(400, 50) == length


def test_a_phase_may_not_outlast_the_training():
    with pytest.raises(UsageError, match="the rank phase of '500' steps does not end in the training of 400"):
        Phase(epochs=10).length(400, 50)


@pytest.mark.parametrize("phase", [{}, {"steps": 3, "epochs": 1}, 1.5, -0.1, True, {"steps": 0}])
def test_other_phases_are_refused(phase):
    with pytest.raises(ValidationError):
        RankPlan(phase=phase)


def test_a_dump_is_read_again():
    plan = RankPlan(phase={"steps": 7}, budget=3, min=1)
    assert RankPlan.model_validate(plan.model_dump()) == plan


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"first": 9}, "the first rank 9 lies outside the ranks from min 0 to max 8"),
        ({"budget": 0.5, "min": 1}, "the budget 0.5 lies outside the ranks from min 1 to max 8"),
        ({"min": 8}, "the smallest rank, min 8, must be below the largest, max 8"),
    ],
)
def test_ranks_that_cannot_be(options, says):
    with pytest.raises(ValidationError, match=says):
        RankPlan(**options)


def test_the_budget_is_the_first_rank_and_the_step_the_range_over_the_phase():
    plan = RankPlan(first=2.5, max=6, min=1)
    assert (plan.mean, plan.step_size(50)) == (2.5, 0.1)
    assert RankPlan(lr=0.3).step_size(50) == 0.3
