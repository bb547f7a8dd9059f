"""The trunk computes what the library computes, takes adapters and stays frozen."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest
import timm
import torch
from open_clip.model import CLIPVisionCfg, _build_vision_tower
from torch import Tensor, nn

from unistd.core.adapter import AdaptedLinear, Adapter, Site
from unistd.plugins.backbone_vit import unistd_components
from unistd.plugins.backbone_vit.open_clip_vit import _trunk as open_clip_trunk, open_clip_vit
from unistd.plugins.backbone_vit.timm_vit import _trunk as timm_trunk, timm_vit
from unistd.plugins.backbone_vit.trunk import Trunk

SMALL = {"pretrained": False, "depth": 2, "width": 48, "heads": 3}


def shaken(model: nn.Module) -> nn.Module:
    """Move every parameter off its initial value, so that no norm or scale is accidentally an identity."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def tokens(width: int = 48, count: int = 17) -> Tensor:
    return torch.randn(2, count, width, generator=torch.Generator().manual_seed(0))


def small_timm(**options: object) -> Trunk:
    return timm_vit(variant="vit_tiny_patch16_224", **(SMALL | options))


def small_clip(**options: object) -> Trunk:
    return open_clip_vit(variant="ViT-B-32", **(SMALL | options))


@pytest.mark.parametrize(
    "variant",
    [
        "vit_tiny_patch16_224",
        "vit_base_patch16_clip_quickgelu_224",  # norm before the blocks
        "deit3_small_patch16_224",  # layer scale
        "vit_base_patch16_rpn_224",  # norm after attention and MLP
        "vit_medium_patch16_gap_256",  # no norm at the end
        "vit_giant_patch14_dinov2",  # gated MLP
    ],
)
def test_same_tokens_as_timm(variant):
    library = shaken(timm.create_model(variant, depth=2, embed_dim=48, num_heads=3))
    x = tokens()
    torch.testing.assert_close(
        timm_trunk(variant, library)(x, (4, 4)), library.norm(library.blocks(library.norm_pre(x))), rtol=0, atol=0
    )


@pytest.mark.parametrize(
    "options",
    [{}, {"no_ln_pre": True}, {"ls_init_value": 0.1}],
    ids=["clip", "plain", "layer-scale"],
)
@pytest.mark.parametrize("quick_gelu", [False, True])
def test_same_tokens_as_open_clip(options, quick_gelu):
    config = CLIPVisionCfg(layers=2, width=48, head_width=16, **options)
    library = shaken(_build_vision_tower(32, config, quick_gelu=quick_gelu))
    x = tokens()
    expected = library.ln_post(library.transformer(library.ln_pre(x)))
    torch.testing.assert_close(open_clip_trunk("ViT", library)(x, (4, 4)), expected, rtol=1e-5, atol=2e-6)


def test_open_clip_norm_of_pooled_tokens_is_not_part_of_the_trunk():
    trunk = open_clip_vit(variant="ViT-L-14-CLIPA", **SMALL)
    assert isinstance(trunk.norm, nn.Identity)
    assert isinstance(trunk.norm_pre, nn.Identity)


@pytest.mark.parametrize("build", [small_timm, small_clip])
def test_sites_name_linear_maps_of_their_shape(build):
    trunk = build()
    sites = trunk.sites()
    assert [site.name for site in sites[:4]] == [
        f"layers.0.{name}" for name in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
    ]
    assert len(sites) == 8
    assert dict(sites[0].parts) == {"q": 48, "k": 48, "v": 48}
    assert dict(sites[2].parts) == {"fc1": 192}
    for site in sites:
        linear = trunk.get_submodule(site.name)
        assert isinstance(linear, nn.Linear)
        assert (linear.in_features, linear.out_features) == (site.width, sum(site.parts.values()))
        assert site.experts is None


class Shift(Adapter):
    """Adds a learned vector."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(sum(site.parts.values())))

    def forward(self, x: Tensor, linear: nn.Linear) -> Tensor:
        return linear(x) + self.shift


def adapt(trunk: Trunk, sites: Sequence[Site]) -> None:
    for site in sites:
        linear = trunk.get_submodule(site.name)
        assert isinstance(linear, nn.Linear)
        trunk.set_submodule(site.name, AdaptedLinear(linear, Shift(site)))


@pytest.mark.parametrize("build", [small_timm, small_clip])
@pytest.mark.parametrize("index", range(4))
def test_adapter_at_every_site_takes_effect(build, index):
    trunk = build()
    before = trunk(tokens(), (4, 4))
    site = trunk.sites()[index]
    adapt(trunk, [site])
    torch.testing.assert_close(trunk(tokens(), (4, 4)), before, rtol=0, atol=0)
    adapter = trunk.get_submodule(f"{site.name}.adapter")
    with torch.no_grad():
        adapter.shift[-1] = 3.0  # of q, k and v the last is v: a constant on k alone would change nothing
    assert (trunk(tokens(), (4, 4)) - before).abs().max() > 1e-3


@pytest.mark.parametrize("build", [small_timm, small_clip])
def test_frozen_trunk_stays_frozen_and_passes_gradients(build):
    trunk = build()
    adapt(trunk, trunk.sites())
    nn.Sequential(trunk).train()
    placed = {name for name, module in trunk.named_modules() if isinstance(module, AdaptedLinear | Shift)}
    assert len(placed) == 2 * len(trunk.sites())
    training = {name for name, module in trunk.named_modules() if module.training}
    assert {name for name in training if not name.endswith(".added")} == placed  # empty lists hold nothing
    x = tokens().requires_grad_()
    trunk(x, (4, 4)).square().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    learning = {name for name, parameter in trunk.named_parameters() if parameter.requires_grad}
    assert learning == {f"{site.name}.adapter.shift" for site in trunk.sites()}
    assert trunk.get_submodule("layers.0.attn.proj.adapter").shift.grad.abs().sum() > 0


def test_copy_of_a_frozen_trunk_stays_frozen():
    assert not copy.deepcopy(small_timm()).train().layers[0].attn.training


@pytest.mark.parametrize("build", [small_timm, small_clip])
def test_unfrozen_trunk_learns(build):
    trunk = build(freeze=False).train()
    assert all(parameter.requires_grad for parameter in trunk.parameters())
    assert trunk.layers[0].attn.training


def test_temporal_module_is_called_between_attention_and_mlp():
    trunk = small_timm()
    block = trunk.blocks()[0]
    seen = []
    block.temporal.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    x = tokens()
    block(x, (1, x.shape[1]))
    torch.testing.assert_close(seen[0], x + block.attn(block.norm1(x)), rtol=0, atol=0)


@pytest.mark.parametrize("build", [small_timm, small_clip])
def test_random_weights_follow_the_seed_and_leave_the_global_state(build):
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first = build(seed=1).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    again, other = build(seed=1).state_dict(), build(seed=2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["layers.0.attn.qkv.weight"], other["layers.0.attn.qkv.weight"])


@pytest.mark.parametrize(
    ("variant", "width"),
    [
        ("vit_small_patch16_224", 384),
        ("vit_base_patch16_clip_224", 768),
        ("deit3_base_patch16_224", 768),
        ("deit_tiny_distilled_patch16_224", 192),
        ("vit_small_patch14_dinov2", 384),
        ("vit_small_patch14_reg4_dinov2", 384),
        ("vit_base_patch16_siglip_224", 768),
    ],
)
def test_variants_of_timm_build_by_name(variant, width):
    trunk = timm_vit(variant=variant, pretrained=False, depth=1)
    assert trunk.width == width
    assert len(trunk.blocks()) == 1
    assert trunk(tokens(width, 15), (3, 5)).shape == (2, 15, width)


@pytest.mark.parametrize("component", unistd_components(), ids=lambda component: component.name)
def test_config_defaults_are_those_of_the_callable(component):
    build = {"timm-vit": timm_vit, "open-clip-vit": open_clip_vit}[component.name]
    assert component.options(component.config()) == build.__kwdefaults__
    assert component.target == f"{build.__module__}:{build.__name__}"
