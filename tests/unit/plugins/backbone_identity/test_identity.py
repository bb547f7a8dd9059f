"""The by-pass is the identity, and whatever it has no place for is refused."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from unistd.core.errors import UsageError
from unistd.core.model import UnifiedModel
from unistd.core.temporal import NoTemporal
from unistd.plugins.adapter_ra_moe.family import full, lora, moe_lora, none, ra_moe
from unistd.plugins.backbone_gsta.gsta import Gsta
from unistd.plugins.backbone_identity import unistd_components
from unistd.plugins.backbone_identity.identity import Identity
from unistd.plugins.head_conv.conv_head import ConvHead
from unistd.plugins.router_softmax.softmax import SoftmaxRouter
from unistd.plugins.temporal_zero_mlp.zero_mlp import ZeroMlp


def model(adapter=None, temporal=None, trunk=None):
    heads = {"a": ConvHead(past=3, future=5, channels_in=2, channels_out=2, trunk_width=24, width=8)}
    placing = partial(adapter, router=SoftmaxRouter) if adapter else None
    return UnifiedModel(trunk or Identity(width=24), heads, adapter=placing, temporal=temporal)


@pytest.mark.parametrize("grid", [(1, 1), (3, 5)])
def test_tokens_come_back_to_the_bit(grid):
    x = torch.randn(2, grid[0] * grid[1], 24)
    assert torch.equal(Identity(width=24)(x, grid), x)


def test_only_the_heads_learn():
    made = model(none, NoTemporal)
    assert made.trunk_parameters() == {}
    assert {name.partition(".")[0] for name, _ in made.named_parameters()} == {"heads"}
    assert made(torch.randn(1, 3, 2, 9, 7), "a").shape == (1, 5, 2, 9, 7)


def test_options_are_the_arguments_of_the_target():
    (component,) = unistd_components()
    config = component.config()
    assert Identity(**component.options(config)).width == config.width == 192
    assert config.without_download() == config


@pytest.mark.parametrize(
    ("adapter", "said"),
    [
        (ra_moe, "no linear map of the trunk is called 'q'\n  help: .* choose adapter 'none'"),
        (moe_lora, "no linear map of the trunk is called 'q'\n  help: .* choose adapter 'none'"),
        (lora, "no linear map of the trunk is called 'q'\n  help: .* choose adapter 'none'"),
        (partial(ra_moe, experts={}), "no linear map gets an expert\n  help: .* or choose adapter 'none'"),
        (partial(lora, roles=()), "no linear map gets an expert\n  help: .* or choose adapter 'none'"),
        (full, "adapter 'full' trains the trunk, but the trunk has no linear map to train\n.* choose adapter 'none'"),
    ],
    ids=["ra-moe", "moe-lora", "lora", "no-experts", "no-roles", "full"],
)
def test_experts_and_training_of_nothing_are_refused(adapter, said):
    with pytest.raises(UsageError, match=said):
        model(adapter, NoTemporal)


def test_a_temporal_module_without_a_block_is_refused():
    with pytest.raises(UsageError, match=r"the trunk has no block to place a temporal module in\n.*temporal 'none'"):
        model(none, ZeroMlp)


def test_a_trunk_that_learns_is_not_left_to_adapter_none():
    with pytest.raises(UsageError, match=r"the trunk itself learns: 'layers\.0\.attn\.proj_in'\n.*adapter 'full'"):
        model(none, NoTemporal, Gsta(width=24, depth=1))
    assert model(full, ZeroMlp, Gsta(width=24, depth=1)).trunk_parameters()
