from __future__ import annotations

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
