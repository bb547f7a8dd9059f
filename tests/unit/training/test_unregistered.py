"""State of a plug-in that a checkpoint would miss fails the save, by name."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from unistd.core.errors import CheckpointError
from unistd.core.training.unregistered import StateWatch


def counted(part):
    part.calls += 1


def drawn(part):
    torch.rand(1, generator=part.generator)


KINDS = {
    "calls": (0, counted),
    "mean": (torch.zeros(2), lambda part: part.mean.add_(1)),
    "sums": ([torch.zeros(2)], lambda part: part.sums[0].add_(1)),
    "generator": (torch.Generator(), drawn),
    "dice": (random.Random(0), lambda part: part.dice.random()),
    "noise": (np.random.default_rng(0), lambda part: part.noise.random()),
    "hidden": ([nn.BatchNorm1d(2)], lambda part: part.hidden[0](torch.randn(3, 2))),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_changes_and_would_not_be_saved_is_named(name):
    value, change = KINDS[name]
    module = nn.Sequential(nn.Linear(2, 2))
    setattr(module[0], name, value)
    watch = StateWatch(module)
    watch.check()
    change(module[0])
    with pytest.raises(
        CheckpointError, match=rf"'0\.{name}.*' changes while training but would not be in the checkpoint"
    ):
        watch.check()


def test_what_is_saved_or_derived_may_change():
    module = nn.Sequential(nn.BatchNorm1d(2))
    module[0].register_buffer("cache", torch.zeros(2), persistent=False)
    module[0].again = {"weight": module[0].weight}
    watch = StateWatch(module)
    module(torch.randn(3, 2))
    module[0].cache.add_(1)
    module[0].weight.data.add_(1)
    watch.check()


def test_it_fails_the_save_of_a_run_and_leaves_no_checkpoint(training):
    made = training()
    head = made.forecaster.model.heads["a"]
    head.calls = 0
    head.register_forward_hook(lambda *_: None)
    encode = head.encode

    def counting(x):
        head.calls += 1
        return encode(x)

    head.encode = counting
    with pytest.raises(CheckpointError, match=r"'model\.heads\.a\.calls' changes while training"):
        made.fit()
    assert made.folder.checkpoints.whole() == []
