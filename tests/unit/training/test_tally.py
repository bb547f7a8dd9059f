from __future__ import annotations

import pytest
import torch

from unistd.core.errors import UnistdError
from unistd.core.training.tally import Tally

STARTS = torch.tensor([3, 14])


def test_means_are_per_task_and_then_forgotten():
    tally = Tally()
    for step, (task, loss) in enumerate([("a", 1.0), ("b", 5.0), ("a", 3.0)], start=1):
        tally.add(task, step, STARTS, torch.tensor(loss), torch.tensor(loss / 10))
    tasks = tally.drain()["tasks"]
    assert tasks["a"] == {"loss": 2.0, "gradient": pytest.approx(0.2), "steps": 2}
    assert tasks["b"]["loss"] == 5.0
    assert tally.drain()["tasks"] == {}


@pytest.mark.parametrize(("loss", "gradient", "what"), [("nan", 1.0, "loss"), (1.0, "inf", "gradient")])
def test_what_is_not_finite_is_named_with_task_step_and_windows(loss, gradient, what):
    tally = Tally()
    tally.add("radar", 7, STARTS, torch.tensor(float(loss)), torch.tensor(float(gradient)))
    with pytest.raises(UnistdError) as caught:
        tally.drain()
    assert f"the {what} of task 'radar' is not finite at step 7 (windows starting at frames 3, 14)" in str(caught.value)
