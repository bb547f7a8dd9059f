from __future__ import annotations

import pytest
import torch

from unistd.plugins.temporal_zero_mlp.zero_mlp import NoTemporal, ZeroMlp


@pytest.mark.parametrize("form", ["additive", "multiplicative"])
@pytest.mark.parametrize("shape", [(1, 1, 12), (3, 7, 12)])
def test_identity_at_the_start_to_the_bit(form, shape):
    tokens = torch.randn(shape) * 100
    assert torch.equal(ZeroMlp(12, form=form)(tokens), tokens)


@pytest.mark.parametrize("form", ["additive", "multiplicative"])
def test_the_zero_layer_learns_from_the_first_step(form):
    module = ZeroMlp(12, form=form)
    (module(torch.randn(3, 7, 12)) ** 2).sum().backward()
    assert module.up.weight.grad.abs().sum() > 0


def test_every_token_gets_the_same_shift():
    module = ZeroMlp(12)
    torch.nn.init.normal_(module.up.weight)
    tokens = torch.randn(2, 5, 12)
    shift = module(tokens) - tokens
    torch.testing.assert_close(shift, shift[:, :1].expand_as(shift), atol=1e-5, rtol=0)
    assert shift.abs().max() > 0.01


def test_none_is_the_identity_without_sites():
    tokens = torch.randn(2, 3, 4)
    assert NoTemporal(4)(tokens) is tokens
    assert list(NoTemporal(4).sites()) == []
