"""Processes that disagree, or are no longer there, end a run with a name instead of a wrong model or a hang."""

from __future__ import annotations

import os
import signal

import pytest
import torch

from unistd.core.errors import ModelError, UsageError
from unistd.core.processes import ProcessLostError, gathered, this_process
from unistd.core.training.loop import JointTraining
from unistd.core.training.run_folder import RunFolder
from unistd.core.training.state import begin_random
from unistd.registry.devices import open_fabric

STEP = JointTraining._step


def at_step(number, process, act):
    """Let ``process`` do ``act`` with its training before step ``number``; only in a forked process."""

    def step(self, now, *rest):
        if now == number and this_process()[0] == process:
            act(self)
        STEP(self, now, *rest)

    JointTraining._step = step


@pytest.fixture
def two(make, tmp_path, in_processes):
    """Train in two processes, one of which does something of its own at a step; give what they came to."""

    def train(number, act, process=1, **options):
        def run():
            made = make(tmp_path / "run", **options)
            at_step(number, process, act)
            return made.fit()

        return in_processes(2, run)

    return train


def nudged(training):
    parameter = training.forecaster.get_parameter("model.backbone.layers.0.attn.qkv.adapter.routers.q.weight")
    parameter.data[0, 0] += 1e-6


def test_a_weight_that_differs_is_named_before_it_does_harm(two):
    answers = two(3, nudged, compare=2)
    said = "after step 4 process '1' has other weights than process 0: 'model.backbone.layers.0.attn.qkv.adapter."
    assert [type(answer) for answer in answers] == [ModelError] * 2
    assert all(said in str(answer) for answer in answers)
    assert "resume" in answers[0].help


def test_other_weights_at_the_start_are_noticed(make, tmp_path, in_processes):
    def run():
        made = make(tmp_path / "run")
        if this_process()[0] == 1:
            nudged(made.training)
        made.fit()

    answers = in_processes(2, run)
    assert all("after step 0 process '1' has other weights than process 0" in str(answer) for answer in answers)


def test_a_process_at_another_task_is_named(two):
    def other_task(training):
        task = training.reader.schedule.task
        training.exchange._tasks = training.exchange._tasks[::-1]
        assert task(0)

    first, second = two(3, other_task)
    assert "process '1' is at step 3 with task '" in str(first)
    assert type(first) is type(second) is ModelError


def test_a_gradient_that_reaches_other_parameters_is_named(two):
    def cut(training):
        training.forecaster.model.heads["holes"].requires_grad_(requires_grad=False)
        training.forecaster.model.heads["whole"].requires_grad_(requires_grad=False)

    first, second = two(4, cut)
    assert "in process 1 than before: 'model.heads." in str(second)
    assert type(second) is ModelError
    assert isinstance(first, ProcessLostError)


def test_a_dead_process_does_not_leave_the_others_hanging(two):
    first, second = two(3, lambda training: os._exit(9))
    assert second is None
    assert isinstance(first, ProcessLostError)
    assert "process '0' of 2 waited in vain for the others: " in str(first)
    assert "__w" not in str(first)


@pytest.mark.parametrize("process", [0, 1])
def test_a_signal_to_one_process_stops_all_after_the_same_step(two, process, tmp_path):
    answers = two(6, lambda training: os.kill(os.getpid(), signal.SIGTERM), process)
    assert [(answer.step, answer.stopped_by) for answer in answers] == [(6, "SIGTERM")] * 2
    assert RunFolder(tmp_path / "run").checkpoints.last().name == "step-00000006"


def test_a_batch_that_cannot_be_divided_says_which_can(make, tmp_path, in_processes):
    answers = in_processes(2, lambda: make(tmp_path / "run", batch=5))
    assert all(type(answer) is UsageError for answer in answers)
    assert "batch '5' of task 'whole' cannot be divided evenly over 2 processes" in str(answers[0])
    assert answers[0].help == "a batch of 4 or 6, or 1 or 5 processes"


def test_shares_that_cannot_be_worked_through_in_parts_are_refused(make, tmp_path, in_processes):
    (answer, _) = in_processes(2, lambda: make(tmp_path / "run", accumulate=4))
    assert "cannot be divided into training.accumulate=4 equal parts by each of 2 processes" in str(answer)
    assert answer.help == "choose a batch that is a multiple of 8"


def test_each_process_has_random_numbers_of_its_own(in_processes):
    def draw():
        open_fabric()
        begin_random(0)
        return gathered(torch.rand(()).item())

    (one,), *_ = in_processes(1, draw)
    (first, second), again = in_processes(2, draw)
    assert first == one
    assert second != first
    assert again == [first, second]
