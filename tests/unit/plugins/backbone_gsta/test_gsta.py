"""The translator keeps shapes, learns everywhere and is the size of the published one."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from unistd.core.errors import ModelError
from unistd.plugins.backbone_gsta import unistd_components
from unistd.plugins.backbone_gsta.gsta import Gsta


def small(**options) -> Gsta:
    torch.manual_seed(0)
    return Gsta(**{"width": 12, "depth": 2} | options)


def tokens(grid, batch=2, width=12):
    return torch.randn(batch, grid[0] * grid[1], width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("grid", [(1, 1), (3, 5), (8, 8)])
def test_any_grid_keeps_its_shape_and_every_parameter_learns(grid, norm):
    trunk = small(norm=norm)
    x = tokens(grid)
    y = trunk(x, grid)
    assert y.shape == x.shape
    y.pow(3).sum().backward()
    silent = {name for name, p in trunk.named_parameters() if p.grad is None}
    assert silent == set()
    if grid == (8, 8):
        assert [name for name, p in trunk.named_parameters() if not p.grad.any()] == []


def published(block, x, grid):
    """Compute one block on a map by the published formulas."""
    maps = x.transpose(1, 2).unflatten(2, grid)
    weights = dict(block.named_parameters())

    def conv(name, x, **options):
        weight = weights[f"{name}.weight"]
        weight = weight if weight.ndim == 4 else weight[..., None, None]
        return functional.conv2d(x, weight, weights[f"{name}.bias"], **options)

    def norm(name, x):
        mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
        scale, shift = (weights[f"{name}.{what}"][:, None, None] for what in ("weight", "bias"))
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    D = maps.shape[1]
    seen = norm("norm1", maps)
    u = conv("attn.near", functional.gelu(conv("attn.proj_in", seen)), padding=2, groups=D)
    u = conv("attn.gate", conv("attn.far", u, padding=9, dilation=3, groups=D))
    u = conv("attn.proj", torch.sigmoid(u[:, D:]) * u[:, :D]) + seen
    maps = maps + weights["ls1"][:, None, None] * u
    u = conv("mlp.fc1", norm("norm2", maps))
    u = conv("mlp.fc2", functional.gelu(conv("mlp.near", u, padding=1, groups=u.shape[1])))
    return (maps + weights["ls2"][:, None, None] * u).flatten(2).transpose(1, 2)


def test_a_block_computes_the_published_formulas():
    trunk, grid = small(depth=1), (5, 7)
    with torch.no_grad():
        for parameter in trunk.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    x = tokens(grid)
    torch.testing.assert_close(trunk(x, grid), published(trunk.blocks()[0], x, grid), rtol=1e-4, atol=1e-5)


def test_first_weights_have_the_published_spread_and_branches_start_small():
    block = small(width=256, depth=1).blocks()[0]
    for module, fan_out in [(block.mlp.fc1, 2048), (block.attn.gate, 512), (block.attn.far, 49), (block.mlp.near, 9)]:
        assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
        assert not module.bias.any()
    assert block.ls1.unique().tolist() == block.ls2.unique().tolist() == [pytest.approx(0.01)]


def test_temporal_module_is_called_between_the_branches_and_takes_effect():
    class Doubled(nn.Module):
        def forward(self, x, grid):
            seen.append(x)
            return 2 * x

    trunk, grid, seen = small().eval(), (3, 5), []
    x = tokens(grid)
    plain = trunk(x, grid)
    trunk.blocks()[1].temporal = Doubled()
    assert not torch.equal(trunk(x, grid), plain)
    assert seen[0].shape == (2, 15, 12)


def test_state_with_running_statistics_comes_back_bit_equal():
    trunk, other, grid = small(), small(), (3, 5)
    for _ in range(2):
        trunk(tokens(grid), grid)
    trunk.eval()
    other.eval()
    x = tokens(grid, batch=3)
    assert not torch.equal(trunk(x, grid), other(x, grid))
    other.load_state_dict(copy.deepcopy(trunk.state_dict()))
    assert torch.equal(trunk(x, grid), other(x, grid))


def test_group_norm_sees_one_window_and_batch_norm_all():
    x, grid = tokens((3, 5)), (3, 5)
    for norm, alone in (("group", True), ("batch", False)):
        trunk = small(norm=norm)
        assert torch.allclose(trunk(x, grid)[:1], trunk(x[:1], grid), atol=1e-6) is alone
    assert list(small(norm="group").buffers()) == []


def test_drop_path_rises_to_what_was_asked_and_none_is_none():
    assert [b.drop_path.drop_prob for b in small(depth=3, drop_path=0.1).blocks()] == pytest.approx([0.01, 0.055, 0.1])
    assert [b.drop_path.drop_prob for b in small(depth=1, drop_path=0.1).blocks()] == [0.1]
    assert [b.drop_path.drop_prob for b in small(depth=3).blocks()] == [0, 0, 0]
    trunk, x = small(drop_path=0.9), tokens((3, 5))
    assert not torch.equal(trunk(x, (3, 5)), trunk(x, (3, 5)))
    assert torch.equal(trunk.eval()(x, (3, 5)), trunk(x, (3, 5)))


def test_sites_name_linear_maps_of_their_shape():
    trunk = small()
    sites = trunk.sites()
    assert [site.name for site in sites[5:]] == [
        f"layers.1.{name}" for name in ("attn.proj_in", "attn.gate", "attn.proj", "mlp.fc1", "mlp.fc2")
    ]
    for site in sites:
        linear = trunk.get_submodule(site.name)
        assert isinstance(linear, nn.Linear)
        assert (linear.in_features, linear.out_features) == (site.width, sum(site.parts.values()))


@pytest.mark.parametrize("kernel", [20, 18, 6, 4])
def test_a_kernel_that_would_be_rounded_is_refused(kernel):
    with pytest.raises(ModelError, match=rf"kernel '{kernel}' of 'gsta' is no odd multiple of 3\n.*21 as published"):
        small(kernel=kernel)


def test_the_kernel_is_how_far_a_token_sees():
    for kernel, reach in ((3, 3), (9, 6), (21, 12)):  # 5×5 and dilated in the attention, 3×3 in the MLP
        trunk = small(depth=1, kernel=kernel).eval()
        x = torch.zeros(1, 25 * 25, 12, requires_grad=True)
        trunk(x, (25, 25)).unflatten(1, (25, 25))[0, 12, 12].sum().backward()
        seen = x.grad.unflatten(1, (25, 25))[0].abs().sum(-1)[12].nonzero()
        assert seen.max().item() - 12 == reach


def test_a_single_token_has_no_batch_statistics():
    x = tokens((1, 1), batch=1)
    with pytest.raises(ModelError, match=r"'norm: batch' has no statistics of a single token.*\n.*norm: group"):
        small()(x, (1, 1))
    assert small().eval()(x, (1, 1)).shape == small(norm="group")(x, (1, 1)).shape == x.shape


def test_options_are_the_arguments_of_the_target():
    (component,) = unistd_components()
    config = component.config()
    options = component.options(config)
    assert config.without_download() == config
    assert len(Gsta(**options | {"width": 8}).blocks()) == 8


# SimVPv2 as OpenSTL lists it: frames T, channels C, side of a frame, hid_S, hid_T, N_T, N_S; then parameters
# and work, each with half of its last printed digit. Work is fvcore's: one per multiply-add, five per normalised value.
PUBLISHED = [
    pytest.param((10, 1, 64, 64, 512, 8, 4), (46.8e6, 0.05e6), (16.5e9, 0.05e9), id="moving-mnist"),
    pytest.param((4, 2, 32, 32, 256, 8, 2), (9.96e6, 0.005e6), (2.62e9, 0.005e9), id="taxibj"),
]
NORM_WORK = 5


def round_the_trunk(T, C, side, hid_s, hid_t, n_s):
    """Count parameters and work of what the heads stand for: encoder, decoder and the two changes of width."""
    parameters, work = hid_s * C + C, T * side**2 * hid_s * C  # read-out
    here = side
    encoder = [(C if i == 0 else hid_s, i % 2 == 1, False) for i in range(n_s)]
    decoder = [(hid_s, False, i % 2 == 0) for i in range(n_s)]
    for inward, halves, doubles in [
        *encoder,
        *decoder,
    ]:  # 3×3 convolutions; one that doubles makes 4 times the features
        here //= 1 + halves
        times = 4 if doubles else 1
        parameters += 9 * inward * hid_s * times + hid_s * times + 2 * hid_s
        work += T * here**2 * 9 * inward * hid_s * times
        here *= 1 + doubles
        work += NORM_WORK * T * here**2 * hid_s
    change = 2 * T * hid_s * hid_t
    return parameters + change + hid_t + T * hid_s, work + (side // 2 ** (n_s // 2)) ** 2 * change


@pytest.mark.parametrize(("sizes", "parameters", "work"), PUBLISHED)
def test_with_the_published_encoder_and_decoder_it_has_the_published_size(sizes, parameters, work):
    T, C, side, hid_s, hid_t, n_t, n_s = sizes
    grid = (side // 2 ** (n_s // 2),) * 2
    N = grid[0] * grid[1]
    found, done = round_the_trunk(T, C, side, hid_s, hid_t, n_s)
    with torch.device("meta"):  # the first published block is T·hid_S wide, all others hid_T
        trunks = [Gsta(width=T * hid_s, depth=1), Gsta(width=hid_t, depth=n_t - 1)]
    for trunk in trunks:
        D, depth = trunk.width, len(trunk.blocks())
        count = sum(p.numel() for p in trunk.parameters())
        assert count == depth * (20 * D**2 + 175 * D)
        with FlopCounterMode(display=False) as counter:
            trunk(torch.empty(1, N, D, device="meta"), grid)
        products = counter.get_total_flops() // 2
        assert products == depth * N * (20 * D**2 + 146 * D)
        found += count
        done += products + depth * 2 * NORM_WORK * N * D
    assert found == pytest.approx(parameters[0], abs=parameters[1])
    assert done == pytest.approx(work[0], abs=work[1])
