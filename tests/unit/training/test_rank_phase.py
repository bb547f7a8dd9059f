"""Ranks under a budget, and what is left of model and optimiser when they are fixed."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from unistd.core.errors import CheckpointError, ModelError
from unistd.core.model import UnifiedModel
from unistd.core.rank_plan import RankPlan
from unistd.core.ranked import ranked_adapters
from unistd.core.training.optimizer import build_optimizer, compacted_state, load_optimizer_state, optimizer_state
from unistd.core.training.rank_phase import RankPhase, adopt_ranks
from unistd.core.training.settings import AdamW
from unistd.plugins.adapter_ra_moe.family import moe_lora, ra_moe
from unistd.plugins.backbone_vit.timm_vit import timm_vit
from unistd.plugins.head_conv.conv_head import ConvHead
from unistd.plugins.router_softmax.softmax import SoftmaxRouter
from unistd.plugins.temporal_zero_mlp.zero_mlp import ZeroMlp

PLAN = RankPlan(first=2, max=4)


def model(rank=PLAN, adapter=ra_moe) -> UnifiedModel:
    torch.manual_seed(0)
    trunk = timm_vit(variant="vit_tiny_patch16_224", pretrained=False, depth=2, width=24, heads=2)
    head = ConvHead(past=2, future=2, channels_in=1, channels_out=1, trunk_width=24, width=8)
    place = partial(adapter, router=SoftmaxRouter, experts={"q": 2, "v": 3, "proj": 2}, rank=rank)
    made = UnifiedModel(trunk, {"a": head}, adapter=place, temporal=ZeroMlp)
    nn.init.normal_(head.read_out.weight)
    return made


def learned(rank=PLAN) -> UnifiedModel:
    """A model whose experts say something."""
    made = model(rank)
    for _, adapter in ranked_adapters(made):
        for up in adapter.up.values():
            nn.init.normal_(up, std=0.1)
    return made


def ranks(made) -> torch.Tensor:
    return torch.cat([adapter.rank.detach() for _, adapter in ranked_adapters(made)])


def frames():
    torch.manual_seed(1)
    return torch.randn(2, 2, 1, 8, 8)


def step(made, optimizer):
    made(frames(), "a").square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()


def test_the_budget_pulls_all_ranks_together_and_not_beyond_it():
    made = model(RankPlan(first=3, max=4, budget=2, beta=0.5))
    phase = RankPhase.of(made, 100, 10)
    assert phase.allowed == 2 * 18
    phase.settle(0.2)
    assert torch.allclose(ranks(made), torch.full((18,), 2.9))
    next(iter(phase.adapters.values())).rank.data[0] = 4.0
    for _ in range(20):
        phase.settle(0.2)
    assert phase.total == pytest.approx(36, abs=1e-4)
    assert ranks(made)[0] - ranks(made)[1] == pytest.approx(1.1)


def test_without_a_budget_ranks_only_keep_their_bounds():
    made = model(RankPlan(first=3, max=4, min=1, beta=0))
    phase = RankPhase.of(made, 100, 10)
    next(iter(phase.adapters.values())).rank.data[:2] = torch.tensor([4.7, 0.2])
    phase.settle(0.2)
    assert phase.allowed is None
    assert ranks(made)[:3].tolist() == [4, 1, 3]


def test_ranks_learn_apart_in_their_own_units_and_end_at_the_budget():
    made = learned(RankPlan(first=2.5, max=4, phase={"steps": 30}))
    phase = RankPhase.of(made, 100, 10)
    optimizer = build_optimizer(made, AdamW(lr=1e-9), phase.lr)
    for _ in range(30):
        step(made, optimizer)
        phase.settle(phase.lr)
    assert ranks(made).std() > 0.3
    assert phase.total == pytest.approx(45, abs=0.5)
    phase.finish()
    assert ranks(made).sum() == 45
    assert (ranks(made) == ranks(made).round()).all()
    assert not any(adapter.rank.requires_grad for _, adapter in ranked_adapters(made))


def test_whole_ranks_that_fit_the_budget_change_no_bit_of_the_output():
    made = learned()
    before = made(frames(), "a")
    shapes = {name: p.shape for name, p in made.named_parameters()}
    kept = RankPhase.of(made, 100, 10).finish()
    assert torch.equal(made(frames(), "a"), before)
    smaller = {name for name, p in made.named_parameters() if p.shape != shapes[name]}
    assert smaller == set(kept)
    assert all(p.shape[0] == shapes[name][0] / 2 for name, p in made.named_parameters() if name in smaller)


def test_rounding_is_all_that_changes_the_output():
    made, other = learned(RankPlan(first=2.5, max=4)), learned(RankPlan(first=2.5, max=4))
    RankPhase.of(made, 100, 10).finish()
    assert ranks(made).tolist() == [3] * 9 + [2] * 9
    for (_, rounded), (_, large) in zip(ranked_adapters(made), ranked_adapters(other), strict=True):
        large.rank.data.copy_(rounded.rank)
    torch.testing.assert_close(made(frames(), "a"), other(frames(), "a"))


def test_training_goes_on_as_if_the_removed_components_had_never_been():
    made, never = learned(), model(2, moe_lora)
    small = dict(never.named_parameters())
    adapters = dict(ranked_adapters(made))
    kept = {
        f"{path}.{name}": rows
        for path, adapter in ranked_adapters(learned())
        for name, rows in adapter.compact([2] * adapter.rank.numel()).items()
    }
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            small[name].copy_(parameter[kept[name]] if name in kept else parameter)
    for adapter in adapters.values():
        adapter.rank.requires_grad_(False)  # only the components are compared
    optimizers = [build_optimizer(each, AdamW(lr=0.01)) for each in (made, never)]
    for _ in range(3):
        for each, optimizer in zip((made, never), optimizers, strict=True):
            step(each, optimizer)
    before = optimizer_state(optimizers[0], made)
    rows = RankPhase.of(made, 100, 10).finish()
    optimizers[0] = build_optimizer(made, AdamW(lr=0.01))
    learning = {name for name, p in made.named_parameters() if p.requires_grad}
    load_optimizer_state(optimizers[0], made, compacted_state(before, rows, learning))
    for _ in range(3):
        for each, optimizer in zip((made, never), optimizers, strict=True):
            step(each, optimizer)
    for name, parameter in made.named_parameters():
        torch.testing.assert_close(parameter, small[name], msg=name)
    for key, moment in optimizer_state(optimizers[0], made).items():
        torch.testing.assert_close(moment, optimizer_state(optimizers[1], never)[key], msg=key)


def test_a_model_from_the_spec_takes_the_ranks_of_before_and_after():
    made = learned()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    RankPhase.of(made, 100, 10).finish()
    after = made.state_dict()
    fresh = model()
    for stored, fixed in ((after, True), (before, False), (after, True)):
        adopt_ranks(fresh, stored, fixed=fixed)
        fresh.load_state_dict(stored)
        assert all(adapter.rank.requires_grad != fixed for _, adapter in ranked_adapters(fresh))


@pytest.mark.parametrize("bad", [2.5, -1.0, 1e9, float("nan")])
def test_stored_ranks_that_cannot_be_are_refused(bad):
    stored = {name: tensor.clone() for name, tensor in model().state_dict().items()}
    name = next(name for name in stored if name.endswith("adapter.rank"))
    stored[name][0] = bad
    with pytest.raises(CheckpointError, match="whole ones from 0 to 4"):
        adopt_ranks(model(), stored, fixed=True)


def test_experts_that_lose_all_components_keep_their_gate():
    made = learned(RankPlan(first=2, max=4, budget=1))
    for _, adapter in ranked_adapters(made):
        adapter.rank.data.zero_()
        adapter.rank.data[0] = 1
    kinds = [adapter.by_role() for _, adapter in ranked_adapters(made)]
    phase = RankPhase.of(made, 100, 10)
    for adapter in phase.adapters.values():
        adapter.compact([1] + [0] * (adapter.rank.numel() - 1))
    assert [adapter.by_role() for _, adapter in ranked_adapters(made)] == kinds
    optimizer = build_optimizer(made, AdamW(lr=0.01))
    step(made, optimizer)
    gates = [p for name, p in made.named_parameters() if "routers" in name]
    assert {len(gate) for gate in gates} == {2, 3}
    assert made(frames(), "a").isfinite().all()


def test_models_without_ranks_that_learn_have_no_phase():
    assert RankPhase.of(model(2, moe_lora), 100, 10) is None


def test_adapters_of_one_model_share_one_plan():
    made = model()
    next(ranked_adapters(made))[1].plan = RankPlan(first=1, max=4)
    with pytest.raises(ModelError, match="different rank plans"):
        RankPhase.of(made, 100, 10)
