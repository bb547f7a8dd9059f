"""What only this package can know of its adapter."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from unistd.core.adapter import Site
from unistd.core.errors import UsageError
from unistd.plugins.router_softmax.softmax import SoftmaxRouter

from unistd_newname.adapter import NewNameAdapter, place

SITES = [
    Site(name="attn.qkv", width=4, parts={"q": 4, "k": 4, "v": 4}),
    Site(name="mlp.fc1", width=4, parts={"fc1": 8}),
]


def test_an_output_is_scaled_by_its_own_factor() -> None:
    linear, adapter, x = nn.Linear(4, 3), NewNameAdapter(3), torch.randn(2, 4)
    adapter.scale.data = torch.tensor([0.0, 1.0, -1.0])
    assert torch.equal(adapter(x, linear), linear(x) * torch.tensor([1.0, 2.0, 0.0]))


def test_roles_choose_the_sites() -> None:
    assert list(place(SITES, router=SoftmaxRouter, roles=["k"])) == ["attn.qkv"]
    with pytest.raises(UsageError, match="no linear map has a role of 'kk'"):
        place(SITES, router=SoftmaxRouter, roles=["kk"])
