"""The fused mixture against its definition, written out with a loop (method §3)."""

from __future__ import annotations

import math

import pytest
import torch
import torch._dynamo.testing
from torch import Tensor, nn

from unistd.core.rank_plan import RankPlan
from unistd.plugins.adapter_ra_moe.experts import LowRankExperts
from unistd.plugins.router_softmax.softmax import SoftmaxRouter

PARTS = {"q": 5, "k": 7, "v": 5}
EXPERTS = {"q": 3, "v": 2}
RANKS = [0.3, 1.0, 2.5, 3.2, 4.0]
PLAN = RankPlan(first=1.5, max=4, budget=2)


def experts(ranks=RANKS, counts=EXPERTS, plan=PLAN, router=SoftmaxRouter) -> LowRankExperts:
    torch.manual_seed(0)
    module = LowRankExperts(6, PARTS, counts, ranks=plan, router=router).double()
    for up in module.up.values():
        nn.init.normal_(up)
    for own in module.routers.values():
        nn.init.normal_(own.bias)
    module.rank.data.copy_(torch.tensor(ranks, dtype=torch.float64))
    return module


def linear(frozen: bool = True) -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(6, sum(PARTS.values())).double().requires_grad_(not frozen)


def tokens(*shape: int) -> Tensor:
    torch.manual_seed(2)
    return torch.randn(*shape, 6, dtype=torch.float64)


def whole(x: Tensor, down: Tensor, up: Tensor, rank: int) -> Tensor:
    """A · I_n · B with n ones on the diagonal."""
    diagonal = torch.diag((torch.arange(len(down)) < rank).to(x.dtype))
    return x @ down.T @ diagonal @ up


def blend(x: Tensor, down: Tensor, up: Tensor, rank: Tensor) -> Tensor:
    """The literal interpolation of the two models of whole rank; at a whole rank, of it and the one below."""
    high = max(1, math.ceil(rank.item()))
    share = rank - (high - 1)
    return (1 - share) * whole(x, down, up, high - 1) + share * whole(x, down, up, high)


def literal(module: LowRankExperts, x: Tensor, frozen: nn.Linear) -> Tensor:
    """Each expert of each part by itself, in a loop."""
    parts, e, size = [], 0, module.room
    for role, width in module.parts.items():
        out = x.new_zeros(*x.shape[:-1], width)
        count = module.experts.get(role, 0)
        gates = module.routers[role](x) if role in module.routers else x.new_ones(*x.shape[:-1], 1)
        for own in range(count):
            down = module.down[e * size : (e + 1) * size]
            up = module.up[role][own * size : (own + 1) * size]
            out = out + gates[..., own : own + 1] * blend(x, down, up, module.rank[e])
            e += 1
        parts.append(out)
    return frozen(x) + torch.cat(parts, dim=-1)


@pytest.mark.parametrize("counts", [EXPERTS, {"q": 1, "k": 2, "v": 2}, {"k": 5}])
@pytest.mark.parametrize("ranks", [[4, 4, 4, 4, 4], RANKS, [0.0, 0.0, 2.0, 1.5, 0.5], [1e-9, 3.999, 2.001, 1, 0]])
def test_fused_equals_the_two_model_interpolation(ranks, counts):
    module, frozen, x = experts(ranks, counts), linear(), tokens(2, 9)
    torch.testing.assert_close(module(x, frozen), literal(module, x, frozen), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("learns", [False, True])
def test_gradients_equal_those_of_the_loop(learns):
    module, frozen, x = experts(), linear(frozen=not learns), tokens(3).requires_grad_()
    wanted_of = [x, *module.parameters(), *(frozen.parameters() if learns else ())]
    wanted = torch.autograd.grad(literal(module, x, frozen).sin().sum(), wanted_of)
    got = torch.autograd.grad(module(x, frozen).sin().sum(), wanted_of)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_gradients_equal_finite_differences():
    module, frozen, x = experts([0.3, 1.2, 2.5, 3.2, 3.7]), linear(), tokens(4).requires_grad_()
    names = [name for name, _ in module.named_parameters()]

    def output(x, *values):
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), (x, frozen))

    assert torch.autograd.gradcheck(output, (x, *(p.detach().requires_grad_() for p in module.parameters())))


def rank_slope(rank: float) -> tuple[float, float, float]:
    """Return the loss at ``rank`` of one expert, and its slopes to the left and to the right by differences."""
    frozen, x, step = linear(), tokens(4), 1e-6
    loss = [experts([rank + d], {"q": 1})(x, frozen).sin().sum().item() for d in (-step, 0.0, step)]
    return loss[1], (loss[1] - loss[0]) / step, (loss[2] - loss[1]) / step


@pytest.mark.parametrize("rank", [1.0, 2.0, 3.0])
def test_rank_is_continuous_and_its_gradient_at_a_whole_rank_is_the_left_slope(rank):
    here, left, right = rank_slope(rank)
    for near in (rank - 1e-9, rank + 1e-9):
        assert rank_slope(near)[0] == pytest.approx(here, abs=1e-7)
    module = experts([rank], {"q": 1})
    (slope,) = torch.autograd.grad(module(tokens(4), linear()).sin().sum(), [module.rank])
    assert slope.item() == pytest.approx(left, rel=1e-4)
    assert slope.item() != pytest.approx(right, rel=1e-2)  # another component's share


def test_an_expert_without_components_can_come_back():
    module = experts([0.0], {"q": 1})
    (slope,) = torch.autograd.grad(module(tokens(4), linear()).sin().sum(), [module.rank])
    assert slope.item() == pytest.approx(rank_slope(0.0)[2], rel=1e-4)
    assert slope.item() != 0


def test_a_rank_bounds_the_rank_of_the_map():
    module, frozen, x = experts([2.0], {"q": 1}), linear(), tokens(50)
    assert torch.linalg.matrix_rank((module(x, frozen) - frozen(x))[:, :5]) == 2


def test_output_is_the_frozen_maps_to_the_bit_at_the_start():
    module, frozen = LowRankExperts(6, PARTS, EXPERTS, ranks=RankPlan(), router=SoftmaxRouter), linear().float()
    x = torch.randn(2, 3, 6)
    assert torch.equal(module(x, frozen), frozen(x))


def test_ranks_that_a_user_freezes_stay_the_fractions_they_are():
    module, frozen, x = experts(), linear(), tokens(4)
    before = module(x, frozen)
    module.requires_grad_(requires_grad=False)
    assert torch.equal(module(x, frozen), before)


def test_order_of_experts_does_not_matter():
    module, frozen, x = experts([1.0, 2.5, 3.0, 1.0, 1.0]), linear(), tokens(4)
    before = module(x, frozen)
    order = torch.tensor([2, 0, 1])
    with torch.no_grad():
        module.down[:12] = module.down[:12].unflatten(0, (3, 4))[order].flatten(0, 1)
        module.up["q"].copy_(module.up["q"].unflatten(0, (3, 4))[order].flatten(0, 1))
        for parameter in module.routers["q"].parameters():
            parameter.copy_(parameter[order])
        module.rank[:3] = module.rank[:3][order]
    torch.testing.assert_close(module(x, frozen), before)


@pytest.mark.parametrize("bias", [True, False])
def test_maps_without_bias_and_tokens_of_any_shape(bias):
    module, x = experts(), tokens(2, 3, 4).transpose(0, 1)
    frozen = nn.Linear(6, 17, bias=bias).double()
    torch.testing.assert_close(module(x, frozen), literal(module, x, frozen))


def test_memory_kept_for_the_gradient_is_tokens_times_width_and_components_not_experts():
    counts, sizes = {"q": 64}, []
    module = LowRankExperts(6, PARTS, counts, ranks=1, router=SoftmaxRouter)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
        module(torch.randn(1000, 6, requires_grad=True), linear().float())
    assert max(sizes) <= 1000 * (64 + 64)  # components beside scores; 64 experts' outputs would be 1000 · 64 · 5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_computes_in_its_type_and_learns_in_fp32(dtype):
    module, frozen = experts().float(), linear().float()
    x = tokens(5).float().requires_grad_()
    with torch.autocast("cpu", dtype=dtype):
        output = module(x, frozen)
    assert output.dtype == dtype
    torch.testing.assert_close(output.float(), literal(module, x, frozen), rtol=0.1, atol=0.1)
    output.float().sum().backward()
    assert {p.grad.dtype for p in (x, *module.parameters())} == {torch.float32}
    assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in module.parameters())


def test_compiles_as_one_graph_and_ranks_move_without_compiling_again():
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    module, frozen, x = experts(), linear(), tokens(2, 5).requires_grad_()
    compiled = torch.compile(module, backend=counter, fullgraph=True)
    for shift in (0.0, 0.3, -0.2):
        module.rank.data += shift
        inputs = [x, *module.parameters()]
        got = torch.autograd.grad(compiled(x, frozen).sin().sum(), inputs)
        wanted = torch.autograd.grad(module(x, frozen).sin().sum(), inputs)
        for one, other in zip(got, wanted, strict=True):
            torch.testing.assert_close(one, other)
    assert counter.frame_count == 1
