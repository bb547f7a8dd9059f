from __future__ import annotations

import pytest
import torch
from torch import nn

from unistd.core.errors import CheckpointError, ModelError
from unistd.core.training.optimizer import build_optimizer, load_optimizer_state, optimizer_state
from unistd.core.training.settings import AdamW


def trained(steps: int = 3):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    module[0].requires_grad_(requires_grad=False)
    optimizer = build_optimizer(module, AdamW(lr=0.1))
    for _ in range(steps):
        module(torch.ones(1, 3)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return module, optimizer


def test_state_comes_back_by_name_and_goes_on_bit_equal():
    module, optimizer = trained()
    saved, weights = optimizer_state(optimizer, module), {k: v.clone() for k, v in module.state_dict().items()}
    assert set(saved) == {
        f"{moment}/1.{name}" for moment in ("exp_avg", "exp_avg_sq", "step") for name in ("weight", "bias")
    }
    saved = {key: tensor.clone() for key, tensor in saved.items()}
    other, fresh = trained(steps=0)
    other.load_state_dict(weights)
    load_optimizer_state(fresh, other, saved)
    for own, use in ((module, optimizer), (other, fresh)):
        own(torch.ones(1, 3)).square().sum().backward()
        use.step()
    assert torch.equal(module[1].weight, other[1].weight)


def test_vectors_are_not_decayed():
    _, optimizer = trained()
    assert [(group["weight_decay"], [p.ndim for p in group["params"]]) for group in optimizer.param_groups] == [
        (0.05, [2]),
        (0.0, [1]),
    ]


def test_what_learns_in_the_trunk_has_its_own_rate():
    module = nn.ModuleDict({"backbone": nn.Linear(2, 2), "heads": nn.Linear(2, 3)})
    optimizer = build_optimizer(module, AdamW(lr=0.1, trunk=0.5))
    rates = {tuple(p.shape): group["initial_lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rates == {(2, 2): 0.05, (2,): 0.05, (3, 2): 0.1, (3,): 0.1}


def test_a_rate_for_a_trunk_that_does_not_learn_is_an_error():
    module = nn.ModuleDict({"backbone": nn.Linear(2, 2), "heads": nn.Linear(2, 3)})
    module["backbone"].requires_grad_(requires_grad=False)
    with pytest.raises(ModelError, match=r"'trunk: 0.5' of the optimiser has no effect"):
        build_optimizer(module, AdamW(trunk=0.5))


def test_a_tensor_of_nobody_is_refused():
    module, optimizer = trained()
    with pytest.raises(CheckpointError, match=r"'exp_avg/gone.weight' belongs to no parameter that learns"):
        load_optimizer_state(optimizer, module, {"exp_avg/gone.weight": torch.zeros(1)})


def test_nothing_to_learn_is_an_error():
    module = nn.Linear(2, 2).requires_grad_(requires_grad=False)
    with pytest.raises(ModelError, match="no parameter of the model learns"):
        build_optimizer(module, AdamW())
