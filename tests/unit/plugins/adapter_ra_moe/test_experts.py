"""The fused mixture against its definition, written out with a loop (method §3)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from unistd.core.adapter import Site
from unistd.core.errors import UsageError
from unistd.plugins.adapter_ra_moe.config import Rank
from unistd.plugins.adapter_ra_moe.experts import LowRankExperts
from unistd.plugins.adapter_ra_moe.family import lora, none, ra_moe
from unistd.plugins.router_softmax.softmax import SoftmaxRouter

PARTS = {"q": 5, "k": 7, "v": 5}
EXPERTS = {"q": 3, "k": 0, "v": 2}


def experts(ranks: list[float], counts: dict[str, int] = EXPERTS, max_rank: int = 4) -> LowRankExperts:
    torch.manual_seed(0)
    module = LowRankExperts(6, PARTS, counts, rank=1.0, max_rank=max_rank, router=SoftmaxRouter).double()
    for up in module.up.values():
        torch.nn.init.normal_(up)
    module.rank.copy_(torch.tensor(ranks))
    return module


def whole(x: Tensor, down: Tensor, up: Tensor, rank: int) -> Tensor:
    """A · I_n · B with n ones on the diagonal."""
    diagonal = torch.diag((torch.arange(len(down)) < rank).to(x.dtype))
    return x @ down.T @ diagonal @ up


def literal(module: LowRankExperts, x: Tensor) -> Tensor:
    parts, first, size = [], 0, module.max_rank
    for role, width in module.parts.items():
        out = x.new_zeros(*x.shape[:-1], width)
        count = module.experts[role]
        gates = module.routers[role](x) if count > 1 else x.new_ones(*x.shape[:-1], 1)
        for e in range(count):
            down = module.down[(first + e) * size : (first + e + 1) * size]
            up = module.up[role][e * size : (e + 1) * size]
            rank = module.rank[first + e].item()
            low, high = math.floor(rank), math.ceil(rank)
            share = rank - low
            blend = (
                whole(x, down, up, low)
                if low == high
                else (1 - share) * whole(x, down, up, low) + share * whole(x, down, up, high)
            )
            out = out + gates[..., e : e + 1] * blend
        first += count
        parts.append(out)
    return torch.cat(parts, dim=-1)


@pytest.mark.parametrize("ranks", [[4, 4, 4, 4, 4], [0.3, 1.0, 2.5, 3.999, 4.0], [0.0, 0.0, 2.0, 1.5, 0.5]])
def test_fused_equals_two_model_interpolation(ranks):
    module = experts(ranks)
    x = torch.randn(2, 9, 6, dtype=torch.float64)
    torch.testing.assert_close(module(x), literal(module, x), rtol=1e-12, atol=1e-12)


def test_gradients_equal_those_of_the_loop():
    module = experts([0.3, 1.0, 2.5, 3.2, 4.0])
    x = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    wanted = torch.autograd.grad(literal(module, x).square().sum(), [x, *module.parameters()])
    got = torch.autograd.grad(module(x).square().sum(), [x, *module.parameters()])
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_rank_is_continuous_at_whole_numbers():
    x = torch.randn(4, 6, dtype=torch.float64)
    at = [experts([rank] * 5)(x) for rank in (2 - 1e-9, 2.0, 2 + 1e-9)]
    torch.testing.assert_close(at[0], at[1], atol=1e-6, rtol=0)
    torch.testing.assert_close(at[2], at[1], atol=1e-6, rtol=0)


def test_a_rank_bounds_the_rank_of_the_map():
    module = experts([2.0], {"q": 1})
    outputs = module(torch.randn(50, 6, dtype=torch.float64))[:, :5]
    assert torch.linalg.matrix_rank(outputs) == 2


def test_correction_is_zero_at_the_start():
    module = LowRankExperts(6, PARTS, EXPERTS, rank=4.5, max_rank=8, router=SoftmaxRouter)
    assert torch.equal(module(torch.randn(2, 3, 6)), torch.zeros(2, 3, 17))


def test_order_of_experts_does_not_matter():
    module = experts([1.0, 2.5, 3.0, 1.0, 1.0])
    x = torch.randn(4, 6, dtype=torch.float64)
    before = module(x)
    order = torch.tensor([2, 0, 1])
    with torch.no_grad():
        module.down[:12] = module.down[:12].unflatten(0, (3, 4))[order].flatten(0, 1)
        module.up["q"].copy_(module.up["q"].unflatten(0, (3, 4))[order].flatten(0, 1))
        module.routers["q"].weight.copy_(module.routers["q"].weight[order])
        module.rank[:3] = module.rank[:3][order]
    torch.testing.assert_close(module(x), before)


SITES = [
    Site(name="layers.0.attn.qkv", width=6, parts={"q": 6, "k": 6, "v": 6}),
    Site(name="layers.0.attn.proj", width=6, parts={"proj": 6}),
    Site(name="layers.0.temporal.up", width=2, parts={"temporal": 6}, owned=True),
]


def test_ra_moe_places_the_papers_numbers_of_experts():
    made = ra_moe(SITES, router=SoftmaxRouter, rank=Rank(first=4.5, max=8))
    assert {name: module.experts for name, module in made.items()} == {
        "layers.0.attn.qkv": {"q": 6, "k": 6, "v": 6},
        "layers.0.attn.proj": {"proj": 2},
        "layers.0.temporal.up": {"temporal": 2},
    }
    assert made["layers.0.attn.proj"].rank.tolist() == [4.5, 4.5]


def test_lora_has_one_expert_and_no_router():
    made = lora(SITES, router=SoftmaxRouter, rank=3, roles=("q", "v"))
    assert made["layers.0.attn.qkv"].experts == {"q": 1, "k": 0, "v": 1}
    assert "layers.0.attn.proj" not in made
    assert not any("routers" in name for module in made.values() for name, _ in module.named_parameters())


def test_none_places_nothing():
    assert none(SITES, router=SoftmaxRouter) == {}


def test_unknown_role_is_answered_with_the_roles():
    with pytest.raises(UsageError) as caught:
        ra_moe(SITES, router=SoftmaxRouter, experts={"query": 6})
    assert str(caught.value) == "no linear map of the trunk has the role 'query'\n  help: roles: q, k, v, proj"


@pytest.mark.parametrize(
    ("adapter", "says"), [(lora, "adapter 'lora' has one expert"), (none, "adapter 'none' makes no experts")]
)
def test_experts_nobody_would_make_are_refused(adapter, says):
    asking = Site(name="layers.0.temporal.up", width=2, parts={"temporal": 6}, owned=True, experts=2)
    with pytest.raises(UsageError, match=says):
        adapter([*SITES[:2], asking], router=SoftmaxRouter)
