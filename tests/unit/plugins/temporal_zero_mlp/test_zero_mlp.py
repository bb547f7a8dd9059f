from __future__ import annotations

import pytest
import torch

from unistd.core.errors import ModelError
from unistd.core.temporal import NoTemporal
from unistd.plugins.temporal_zero_mlp.zero_mlp import ZeroMlp


@pytest.mark.parametrize("form", ["additive", "multiplicative"])
@pytest.mark.parametrize("local", [0, 3, 5])
@pytest.mark.parametrize("grid", [(1, 1), (2, 3)])
def test_identity_at_the_start_to_the_bit(form, local, grid):
    tokens = torch.randn(3, grid[0] * grid[1], 12) * 100
    assert torch.equal(ZeroMlp(12, form=form, local=local)(tokens, grid), tokens)


@pytest.mark.parametrize("form", ["additive", "multiplicative"])
def test_the_zero_layer_learns_from_the_first_step(form):
    module = ZeroMlp(12, form=form)
    (module(torch.randn(3, 7, 12), (1, 7)) ** 2).sum().backward()
    assert module.up.weight.grad.abs().sum() > 0


def test_every_token_gets_the_same_shift():
    module = ZeroMlp(12)
    torch.nn.init.normal_(module.up.weight)
    tokens = torch.randn(2, 5, 12)
    shift = module(tokens, (1, 5)) - tokens
    torch.testing.assert_close(shift, shift[:, :1].expand_as(shift), atol=1e-5, rtol=0)
    assert shift.abs().max() > 0.01


@pytest.mark.parametrize("form", ["additive", "multiplicative"])
def test_a_small_correction_survives_bfloat16(form):
    module = ZeroMlp(48, form=form)
    torch.nn.init.normal_(module.up.weight, std=0.003)
    tokens = torch.randn(4, 6, 48)
    exact = module(tokens, (2, 3)) - tokens
    with torch.autocast("cpu", torch.bfloat16):
        rounded = module(tokens, (2, 3)) - tokens
    assert exact.abs().max() < 0.01
    assert (rounded - exact).norm() < 0.02 * exact.norm()


def test_local_sees_neighbours_on_the_grid_and_no_further():
    module = ZeroMlp(12, local=3)
    tokens = torch.zeros(1, 15, 12, requires_grad=True)
    (module(tokens, (3, 5)) ** 2 + module(tokens, (3, 5))).sum().backward()
    assert module.near.bias.grad.abs().sum() > 0
    torch.nn.init.ones_(module.near.weight)
    tokens.grad = None
    module(tokens, (3, 5))[0, 6].sum().backward()  # row 1, column 1
    seen = tokens.grad[0].abs().sum(dim=1).reshape(3, 5)
    assert (seen[:, :3] > 0).all()
    assert not seen[:, 3:].any()


def test_an_even_local_is_refused():
    with pytest.raises(ModelError, match=r"local '4' of 'zero-mlp' is even\n  help: 3 or 5"):
        ZeroMlp(12, local=4)


def test_none_is_the_identity_without_sites():
    tokens = torch.randn(2, 3, 4)
    assert NoTemporal(4)(tokens, (1, 3)) is tokens
    assert list(NoTemporal(4).sites()) == []
