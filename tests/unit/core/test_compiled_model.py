"""The whole model under ``torch.compile``."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch._dynamo.testing

from unistd.core.model import UnifiedModel
from unistd.core.rank_plan import RankPlan
from unistd.core.ranked import ranked_adapters
from unistd.core.training.rank_phase import RankPhase
from unistd.plugins.adapter_ra_moe.family import ra_moe
from unistd.plugins.backbone_vit.timm_vit import timm_vit
from unistd.plugins.head_conv.conv_head import ConvHead
from unistd.plugins.router_softmax.softmax import SoftmaxRouter
from unistd.plugins.temporal_zero_mlp.zero_mlp import ZeroMlp


@pytest.mark.slow
def test_one_graph_that_moving_ranks_do_not_compile_again():
    torch._dynamo.reset()
    torch.manual_seed(0)
    trunk = timm_vit(variant="vit_tiny_patch16_224", pretrained=False, depth=2, width=24, heads=2)
    head = ConvHead(past=2, future=2, channels_in=1, channels_out=1, trunk_width=24, width=8)
    torch.nn.init.normal_(head.read_out.weight)
    router = partial(SoftmaxRouter, top_k=2, balance=0.1)
    adapter = partial(ra_moe, router=router, rank=RankPlan(first=2, max=4, budget=2))
    model = UnifiedModel(trunk, {"a": head}, adapter=adapter, temporal=ZeroMlp)
    for _, own in ranked_adapters(model):
        for up in own.up.values():
            torch.nn.init.normal_(up, std=0.1)
    counter = torch._dynamo.testing.CompileCounterWithBackend("inductor")
    compiled = torch.compile(model, backend=counter, fullgraph=True)
    x = torch.randn(2, 2, 1, 8, 8)
    learning = [p for p in model.parameters() if p.requires_grad]
    for shift in (0.0, 0.3, -0.2):
        for _, own in ranked_adapters(model):
            own.rank.data += shift
        got = torch.autograd.grad(compiled(x, "a").square().mean(), learning)
        wanted = torch.autograd.grad(model(x, "a").square().mean(), learning)
        for one, other in zip(got, wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    assert counter.frame_count == 1
    RankPhase.of(model, 100, 10).finish()
    torch.testing.assert_close(compiled(x, "a"), model(x, "a"), rtol=1e-3, atol=1e-5)
    assert counter.frame_count == 2  # once more for the smaller model
