"""Numbers that go wrong are named, never trained through."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unistd.core.errors import UnistdError, UsageError
from unistd.core.forecaster import Forecaster
from unistd.core.training.memory_limit import out_of_memory
from unistd.core.training.tally import STREAK
from unistd.plugins.router_softmax.softmax import SoftmaxRouter


def poisoned(made, steps, where="loss"):
    """Let the loss, or only the gradient, of ``steps`` (from 1) be NaN."""
    step = made.training._step

    def poisoning(number, batch, *rest):
        if number in steps:
            batch = batch._replace(past=batch.past.clone().requires_grad_(requires_grad=True))
            made.forecaster.poison = True
        step(number, batch, *rest)
        made.forecaster.poison = False

    made.training._step = poisoning
    made.forecaster.poison = False

    def spoil(module, arguments, output):
        if module.poison and where == "loss":
            return output * float("nan")
        if module.poison:
            output.register_hook(lambda gradient: gradient * float("inf"))
        return output

    made.forecaster.register_forward_hook(spoil)
    return made


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_step_that_is_not_finite_stops_the_run_by_name(training, where):
    made = poisoned(training(), {5}, where)
    with pytest.raises(UnistdError) as caught:
        made.fit()
    task = made.reader.schedule.task(4)
    frames = ", ".join(map(str, made.windows[task].starts[made.reader.schedule.indices(4)]))
    assert f"the {where} of task '{task}' is not finite at step 5 (windows starting at frames {frames})" in str(
        caught.value
    )
    assert "training.nonfinite=skip leaves such steps out" in caught.value.help
    assert made.folder.checkpoints.last().name == "step-00000004"
    assert all(p.isfinite().all() for p in made.forecaster.parameters())


def test_a_skipped_step_changes_nothing_and_is_told(training):
    made = poisoned(training(nonfinite="skip", steps=5), {1, 2, 3, 4, 5})
    before = {name: p.clone() for name, p in made.forecaster.named_parameters() if "rank" not in name}
    made.fit()
    after = dict(made.forecaster.named_parameters())
    assert [
        name
        for name in before
        if before[name].shape == after[name].shape and not torch.equal(before[name], after[name])
    ] == []
    assert [what for what in made.alarms() if "at step 3 (windows" in what and what.endswith("step left out")]
    assert made.rows("train")[0]["tasks"] == {}


def test_one_skipped_step_leaves_the_others_to_train(training):
    made = poisoned(training(nonfinite="skip"), {6}, "gradient")
    made.fit()
    assert sum(task["steps"] for row in made.rows("train") for task in row["tasks"].values()) == 7
    assert "alarm: the gradient of task" in made.said
    assert all(p.isfinite().all() for p in made.forecaster.parameters())


def test_skipping_without_end_stops(training):
    made = poisoned(training(nonfinite="skip", steps=40, checkpoint={"every": 40}), set(range(3, 40)))
    with pytest.raises(UnistdError, match=f"not finite at step {STREAK + 2} .*, as in the {STREAK - 1} steps before"):
        made.fit()


def test_a_diverging_task_stops_the_run(training):
    made = training(diverged=0.5)
    with pytest.raises(
        UnistdError, match=r"task '[ab]' diverged: its mean loss up to step \d is .* training.diverged is 0.5"
    ):
        made.fit()
    assert made.folder.checkpoints.last() is None


def short_of_memory(monkeypatch, room):
    forward = Forecaster.forward

    def limited(self, task, past, future):
        if len(past) > room and self.training:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, task, past, future)

    monkeypatch.setattr(Forecaster, "forward", limited)


@pytest.mark.parametrize(
    ("room", "said", "help_"),
    [
        (1, "in a batch of 4 windows of task 'a'; 1 fit", "tasks.a.batch=1, or with training.accumulate=4"),
        (2, "in a batch of 4 windows of task 'a'; 2 fit", "tasks.a.batch=2, or with training.accumulate=2"),
        (0, "in a batch of 4 windows of task 'a'; not even one window fits", "a smaller trunk"),
    ],
)
def test_out_of_memory_says_which_task_and_what_would_fit(training, monkeypatch, room, said, help_):
    made = training(weights={"a": 1.0, "b": 1e-6})
    short_of_memory(monkeypatch, room)
    with pytest.raises(UnistdError) as caught:
        made.fit()
    assert f"memory ran out at step 1, {said}" in str(caught.value)
    assert help_ in caught.value.help


def test_out_of_memory_in_parts_of_a_batch_says_what_a_part_may_be(training, monkeypatch):
    short_of_memory(monkeypatch, 1)
    with pytest.raises(UnistdError) as caught:
        training(accumulate=2).fit()
    assert "tasks.a.batch=1, or with training.accumulate=4" in caught.value.help


def test_the_advice_is_a_divisor_of_the_batch_and_for_all_processes():
    said = out_of_memory("a", 1, 14, 3, processes=2).help
    assert "tasks.a.batch=6, or with training.accumulate=7" in said


def test_accumulating_fits_where_the_batch_did_not_and_is_the_same_step(training, monkeypatch):
    whole = training("whole")
    whole.fit()
    short_of_memory(monkeypatch, 2)
    made = training(accumulate=2)
    made.fit()
    own, wanted = made.stored(), whole.stored()
    weights = [name for name in wanted if name.startswith("model/model.heads")]
    assert any(not torch.equal(own[name], wanted[name]) for name in weights)
    for name in weights:
        torch.testing.assert_close(own[name], wanted[name], atol=2e-3, rtol=0)


def test_what_a_router_adds_to_the_loss_counts_once_in_any_number_of_pieces(training):
    gradients = []
    for pieces in (1, 2, 4):
        made = training(str(pieces), accumulate=pieces)
        routers = [part for part in made.forecaster.modules() if isinstance(part, SoftmaxRouter)]
        wrapped, _ = made.training._setup()
        for router in routers:
            router.balance = 100.0
        past, future = made.windows["a"].read(np.zeros(4, dtype=np.int64))  # all alike, so that pieces are too
        batch = made.reader.read(0)._replace(task="a", past=past, future=future, valid=future.numel())
        made.training._gradient(1, batch, wrapped)
        gradients.append(torch.cat([router.weight.grad.flatten() for router in routers]))
    assert gradients[0].abs().max() > 0.1
    torch.testing.assert_close(gradients[1], gradients[0])
    torch.testing.assert_close(gradients[2], gradients[0])


def test_a_batch_that_does_not_divide_is_an_error(training):
    with pytest.raises(
        UsageError, match=r"batch '4' of task 'a' cannot be divided into training\.accumulate=3 equal parts"
    ):
        training(accumulate=3)


def test_averaged_weights_are_validated_with_and_lag_behind(training):
    plain, made = training("plain"), training(ema=0.5)
    plain.fit()
    made.fit()
    own, wanted = made.stored(), plain.stored()
    assert [name for name in wanted if not torch.equal(own[name], wanted[name])] == []  # training itself is the same
    assert made.rows("validation")[-1]["score"] != plain.rows("validation")[-1]["score"]
    name = "model.heads.a.read_out.weight"
    assert not torch.equal(own[f"average/{name}"], own[f"model/{name}"])
    assert own[f"average/{name}"].norm() < own[f"model/{name}"].norm()  # it began at 0
