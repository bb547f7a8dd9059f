"""One alarm for each feature that is on and does nothing, seen to fire; none for a run where all is well."""

from __future__ import annotations

import pytest
import torch

from unistd.core.errors import ModelError
from unistd.core.ranked import ranked_adapters
from unistd.core.temporal import TemporalModule
from unistd.core.training.validation import Validation
from unistd.core.training.witnesses import dwarfing, unscored


def test_a_run_where_all_is_well_raises_none(training):
    made = training()
    made.fit()
    assert made.alarms() == []


def test_adapters_that_never_changed(training):
    made = training()
    for _, adapter in ranked_adapters(made.forecaster):
        adapter.forward = lambda x, linear: linear(x)
    made.fit()
    said = [what for what in made.alarms() if what.startswith("the adapter")]
    assert said[0].startswith("the adapter 'layers.0.attn.qkv' and 1 more of 2 never changed: no gradient reached it")
    assert f"alarm: {said[0]}" in made.said


def test_a_temporal_module_that_never_changed(training):
    made = training()
    for module in made.forecaster.modules():
        if isinstance(module, TemporalModule):
            module.forward = lambda tokens, grid: tokens
    made.fit()
    assert [
        what for what in made.alarms() if what.startswith("the temporal module 'layers.0.temporal' of 1 never changed")
    ]


def test_a_head_that_never_changed(training):
    made = training()
    head = made.forecaster.model.heads["b"]
    decode = head.decode
    head.decode = lambda encoded: decode(encoded).detach().requires_grad_(requires_grad=True)
    made.fit()
    assert "the head of task 'b' never changed: no gradient reached it" in made.alarms()
    assert not [what for what in made.alarms() if "head of task 'a'" in what]


def test_a_task_never_drawn(training):
    made = training(weights={"a": 1.0, "b": 1e-6})
    if made.reader.schedule.progress(8)["b"]["samples"]:
        made = training(weights={"a": 1e-6, "b": 1.0})
    made.fit()
    (row, *_) = made.rows("alarm")
    assert row["step"] == 0
    assert "is never drawn in 8 steps: more training.steps, or a larger weight" in row["what"]


def test_a_normalisation_fitted_on_nothing(training):
    made = training()
    own = made.forecaster.normalizations["a"]
    own.offset.zero_()
    own.scale.fill_(1)
    made.fit()
    assert made.alarms()[0] == "the normalisation of task 'a' changes nothing: it was fitted on no frames"


def test_a_normalisation_of_other_frames(training):
    made = training(diverged=1e9)
    made.forecaster.normalizations["b"].scale.fill_(0.01)
    made.fit()
    assert made.alarms()[0].startswith(
        "the normalisation of task 'b' does not fit its training frames: normalised, they"
    )


def test_a_frozen_trunk_that_trained_stops_before_the_checkpoint(training):
    made = training()
    step = made.training._step

    def writing(number, *rest):
        step(number, *rest)
        if number == 6:
            next(iter(made.forecaster.model.trunk_parameters().values())).data.flatten()[0] += 1

    made.training._step = writing
    with pytest.raises(ModelError, match="the frozen trunk changed while training"):
        made.fit()
    assert made.folder.checkpoints.last().name == "step-00000004"


def test_a_task_that_dwarfs_the_others():
    result = Validation({"a": 250.0, "b": 1.0, "c": 2.0}, {"a": 1.0, "b": 1.0, "c": 1.0})
    (said,) = dwarfing(result)
    assert said.startswith("the loss of task 'a' is over 100 times that of the other tasks")
    assert list(dwarfing(Validation({"a": 90.0, "b": 1.0}, {"a": 1.0, "b": 1.0}))) == []
    assert list(dwarfing(Validation({"a": 90.0}, {"a": 1.0}))) == []


def test_a_task_that_dwarfs_the_others_is_reported_by_the_run(training):
    made = training(diverged=1e9)
    made.forecaster.normalizations["a"].scale.fill_(0.03)
    made.fit()
    assert [what for what in made.alarms() if what.startswith("the loss of task 'a' is over 100 times")]


def test_a_validation_that_never_ran():
    assert next(unscored({}, 500)).startswith("no validation ran: it is due every 500 steps")
    assert list(unscored({"step": 4}, 500)) == []


def test_a_run_stopped_before_its_first_validation_says_so(training):
    made = training()
    made.training._step = stopping(made.training._step)
    made.fit()
    assert made.alarms() == [
        "no validation ran: it is due every 4 steps (training.checkpoint.every), so there is no best checkpoint to use"
    ]


def stopping(step):
    import os
    import signal

    def stop(number, *rest):
        step(number, *rest)
        os.kill(os.getpid(), signal.SIGTERM)

    return stop


def test_ranks_that_never_moved(training):
    made = training()
    for _, adapter in ranked_adapters(made.forecaster):
        adapter.rank.register_hook(torch.zeros_like)
    made.fit()
    assert "the ranks of the experts never moved: model.adapter.rank has no effect" in made.alarms()
