"""Adapters that are added for some tasks leave the others' outputs as they were, to the bit."""

from functools import partial

import pytest
import torch

from unistd.core.errors import UsageError
from unistd.core.model import UnifiedModel
from unistd.core.rank_plan import RankPlan
from unistd.plugins.adapter_ra_moe.family import moe_lora, none, ra_moe
from unistd.plugins.backbone_vit.timm_vit import timm_vit
from unistd.plugins.head_conv.conv_head import ConvHead
from unistd.plugins.router_softmax.softmax import SoftmaxRouter
from unistd.plugins.temporal_zero_mlp.zero_mlp import ZeroMlp


def made(adapter=None):
    torch.manual_seed(0)
    trunk = timm_vit(variant="vit_tiny_patch16_224", pretrained=False, depth=1, width=24, heads=2)
    head = partial(ConvHead, past=2, future=2, channels_in=1, channels_out=1, trunk_width=24, width=8)
    adapter = adapter or partial(moe_lora, router=SoftmaxRouter, experts={"q": 2, "v": 1}, rank=2)
    model = UnifiedModel(trunk, {"old": head(), "new": head()}, adapter=adapter, temporal=ZeroMlp)
    with torch.no_grad():
        for parameter in model.parameters():  # nothing is zero any longer
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


ADDED = partial(moe_lora, router=SoftmaxRouter, experts={"q": 3}, rank=4)


def test_only_its_own_task_goes_through_an_added_adapter():
    model, x = made(), torch.randn(2, 2, 1, 9, 7)
    before = {task: model(x, task) for task in ("old", "new")}
    names = set(model.state_dict())
    model.add_adapter(ADDED, ["new"])
    assert torch.equal(model(x, "new"), before["new"])  # zero at the start
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".added.0.up" in name:
                parameter.fill_(0.3)
    assert torch.equal(model(x, "old"), before["old"])
    assert not torch.allclose(model(x, "new"), before["new"])
    assert torch.equal(model(x, "old"), before["old"])
    assert all(".added.0." in name for name in set(model.state_dict()) - names)


def test_an_added_adapter_learns_from_its_own_task_alone():
    model, x = made(), torch.randn(2, 2, 1, 9, 7)
    model.add_adapter(ADDED, ["new"])
    own = [parameter for name, parameter in model.named_parameters() if ".added.0.up" in name]
    for task, learns in (("old", False), ("new", True)):
        model.zero_grad()
        model(x, task).square().sum().backward()
        assert all((parameter.grad is not None and bool(parameter.grad.any())) is learns for parameter in own)


@pytest.mark.parametrize(
    ("adapter", "added", "message"),
    [
        (None, partial(ra_moe, router=SoftmaxRouter, rank=RankPlan(first=1.5, max=2)), "do not learn"),
        (partial(none, router=SoftmaxRouter), ADDED, "which has no adapter"),
        (None, partial(none, router=SoftmaxRouter), "no linear map got"),
    ],
)
def test_what_cannot_be_added(adapter, added, message):
    with pytest.raises(UsageError, match=message):
        made(adapter).add_adapter(added, ["new"])
