"""What only this package can know of its temporal module."""

from __future__ import annotations

import torch

from unistd_newname.temporal import NewNameTemporal


def test_tokens_do_not_see_one_another() -> None:
    module, x = NewNameTemporal(8), torch.randn(1, 6, 8)
    torch.nn.init.normal_(module.up.weight)
    changed = x.clone()
    changed[:, 0] += 1
    assert torch.equal(module(x, (2, 3))[:, 1:], module(changed, (2, 3))[:, 1:])
    assert not torch.equal(module(x, (2, 3)), x)
