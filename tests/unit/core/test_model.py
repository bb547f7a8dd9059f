from __future__ import annotations

import copy
from functools import partial

import pytest
import torch

from unistd.core.errors import ModelError, UsageError
from unistd.core.model import UnifiedModel, count_parameters
from unistd.plugins.adapter_ra_moe.family import lora, ra_moe
from unistd.plugins.backbone_vit.timm_vit import timm_vit
from unistd.plugins.head_conv.conv_head import ConvHead
from unistd.plugins.router_softmax.softmax import SoftmaxRouter
from unistd.plugins.temporal_zero_mlp.zero_mlp import ZeroMlp

SMALL = {"variant": "vit_tiny_patch16_224", "pretrained": False, "depth": 2, "width": 24, "heads": 2}


def trunk(**changes):
    return timm_vit(**SMALL | changes)


def heads():
    torch.manual_seed(0)
    made = {
        "a": ConvHead(past=3, future=5, channels_in=2, channels_out=2, trunk_width=24, width=8),
        "b": ConvHead(past=2, future=1, channels_in=1, channels_out=3, trunk_width=24, width=8, stride=2),
    }
    for head in made.values():
        torch.nn.init.normal_(head.read_out.weight)
    return made


def whole(**changes):
    return UnifiedModel(trunk(**changes), heads(), adapter=partial(ra_moe, router=SoftmaxRouter), temporal=ZeroMlp)


@pytest.mark.parametrize("adapter", [ra_moe, lora])
@pytest.mark.parametrize("form", ["additive", "multiplicative"])
def test_adapters_and_temporal_modules_change_no_bit_at_the_start(adapter, form):
    plain = UnifiedModel(trunk(), heads())
    temporal = partial(ZeroMlp, form=form)
    adapted = UnifiedModel(trunk(), heads(), adapter=partial(adapter, router=SoftmaxRouter), temporal=temporal)
    x = torch.randn(2, 3, 2, 9, 7)
    assert torch.equal(plain(x, "a"), adapted(x, "a"))
    assert count_parameters(adapted)[0] > count_parameters(plain)[0]


def test_every_task_has_its_own_shapes():
    model = whole()
    assert model(torch.randn(1, 3, 2, 9, 7), "a").shape == (1, 5, 2, 9, 7)
    assert model(torch.randn(4, 2, 1, 6, 11), "b").shape == (4, 1, 3, 6, 11)


def test_everything_but_the_trunk_learns():
    model = whole()
    trunk_ids = {id(p) for p in model.trunk_parameters().values()}
    assert all(p.requires_grad == (id(p) not in trunk_ids) for p in model.parameters())
    model(torch.randn(1, 3, 2, 8, 8), "a").square().sum().backward()
    assert all(p.grad is None for p in model.trunk_parameters().values())
    learning = {n: p for n, p in model.named_parameters() if p.requires_grad and not n.startswith("heads.b")}
    assert [name for name, p in learning.items() if p.grad is None] == []


def test_an_unfrozen_trunk_learns():
    model = whole(freeze=False)
    model(torch.randn(1, 3, 2, 8, 8), "a").square().sum().backward()
    assert all(p.grad is not None for p in model.trunk_parameters().values())


def test_trunk_names_do_not_change_with_what_is_placed_beside_them():
    plain = UnifiedModel(trunk(), heads())
    assert plain.trunk_parameters().keys() == whole().trunk_parameters().keys()
    assert "layers.0.attn.qkv.weight" in plain.trunk_parameters()


def test_position_of_a_token_matters():
    model = whole()
    encoded = model.heads["a"].encode(torch.zeros(1, 3, 2, 16, 16))
    same = encoded._replace(tokens=encoded.tokens.mean(1, keepdim=True).expand_as(encoded.tokens))
    positions: list[torch.Tensor] = []
    model.backbone.register_forward_pre_hook(lambda module, inputs: positions.append(inputs[0]))
    model.heads["a"].encode = lambda x: same
    model(torch.zeros(1, 3, 2, 16, 16), "a")
    assert len({tuple(token.tolist()) for token in positions[0][0]}) == 16


def test_state_comes_back_bit_equal():
    model, other = whole(), whole(seed=5)
    x = torch.randn(1, 3, 2, 8, 8)
    assert not torch.equal(model(x, "a"), other(x, "a"))
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    assert torch.equal(model(x, "a"), other(x, "a"))


def test_unknown_task_is_answered_with_the_tasks():
    with pytest.raises(UsageError, match="the model has no task 'c'\n  help: it has a, b"):
        whole()(torch.zeros(1, 3, 2, 8, 8), "c")


def test_a_model_needs_a_head():
    with pytest.raises(ModelError, match="a model needs at least one task head"):
        UnifiedModel(trunk(), {})


def test_an_adapter_for_no_site_is_refused():
    def astray(sites):
        return dict.fromkeys(["layers.9.attn.qkv"], torch.nn.Identity())

    with pytest.raises(ModelError, match=r"an adapter was made for 'layers\.9\.attn\.qkv', which is no site"):
        UnifiedModel(trunk(), heads(), adapter=astray)


def test_runs_under_autocast():
    model = whole()
    x = torch.randn(2, 3, 2, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = model(x, "a")
    high = model(x, "a")
    assert ((low.float() - high).norm() / high.norm()).item() < 0.05
