from __future__ import annotations

import pytest
import torch

from unistd.plugins.router_softmax.softmax import SoftmaxRouter


def test_rows_sum_to_one_and_every_expert_can_win():
    router = SoftmaxRouter(4, 3)
    weights = router(torch.randn(200, 4) * 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(200))
    assert set(weights.argmax(-1).tolist()) == {0, 1, 2}


def test_top_k_keeps_the_largest_and_renormalises():
    full, sparse = SoftmaxRouter(4, 5), SoftmaxRouter(4, 5, top_k=2)
    sparse.load_state_dict(full.state_dict())
    x = torch.randn(50, 4)
    weights, wanted = sparse(x), full(x).topk(2, dim=-1)
    assert ((weights > 0).sum(-1) == 2).all()
    torch.testing.assert_close(weights.gather(-1, wanted.indices), wanted.values / wanted.values.sum(-1, keepdim=True))


def test_top_k_of_a_smaller_site_uses_all_its_experts():
    assert (SoftmaxRouter(4, 2, top_k=4)(torch.randn(6, 4)) > 0).all()


def test_temperature_divides_the_scores():
    warm, plain = SoftmaxRouter(4, 3, temperature=2.0), SoftmaxRouter(4, 3)
    scores = torch.randn(10, 3)
    torch.testing.assert_close(warm.gate(scores), plain.gate(scores / 2))


@pytest.mark.parametrize("top_k", [None, 2])
def test_balance_adds_its_term_to_the_gradient_in_training_only(top_k):
    torch.manual_seed(0)
    plain, balanced = SoftmaxRouter(4, 3, top_k=top_k), SoftmaxRouter(4, 3, top_k=top_k, balance=0.5)
    balanced.load_state_dict(plain.state_dict())
    x, pull = torch.randn(20, 4), torch.randn(20, 3)
    (own,) = torch.autograd.grad((balanced(x) * pull).sum(), [balanced.weight])
    weights = plain(x)
    likely = (x @ plain.weight.T + plain.bias).softmax(-1)
    term = 0.5 * 3 * (weights.detach().mean(0) * likely.mean(0)).sum()
    (wanted,) = torch.autograd.grad((weights * pull).sum() + term, [plain.weight])
    torch.testing.assert_close(own, wanted)
    (silent,) = torch.autograd.grad((balanced.eval()(x) * pull).sum(), [balanced.weight])
    assert not torch.allclose(silent, wanted)


def test_balance_evens_out_a_lopsided_router():
    torch.manual_seed(0)
    router = SoftmaxRouter(4, 3, balance=1.0)
    with torch.no_grad():
        router.bias.copy_(torch.tensor([3.0, 0.0, 0.0]))
    x, optimizer = torch.randn(100, 4), torch.optim.SGD(router.parameters(), lr=1.0)
    before = router(x).mean(0).max()
    for _ in range(50):
        optimizer.zero_grad()
        (router(x).sum() * 0).backward()
        optimizer.step()
    assert router(x).mean(0).max() < 0.4 < before


def test_observer_sees_what_is_given():
    router, seen = SoftmaxRouter(4, 3), []
    router.observer = seen.append
    weights = router(torch.randn(5, 4))
    assert torch.equal(seen[0], weights)
    assert not seen[0].requires_grad
