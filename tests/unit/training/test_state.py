"""What is gathered into a checkpoint is everything a model computes with."""

from __future__ import annotations

import copy

import pytest
import torch

from unistd.core.data.normalization import Normalization
from unistd.core.errors import CheckpointError
from unistd.core.forecaster import Forecaster
from unistd.core.model import UnifiedModel
from unistd.core.training.optimizer import build_optimizer
from unistd.core.training.settings import AdamW
from unistd.core.training.state import gather, restore_model, restore_progress
from unistd.plugins.backbone_gsta.gsta import Gsta
from unistd.plugins.head_conv.conv_head import ConvHead


def forecaster(norm="batch") -> Forecaster:
    torch.manual_seed(0)
    head = ConvHead(past=2, future=2, channels_in=1, channels_out=1, trunk_width=12, width=8)
    model = UnifiedModel(Gsta(width=12, depth=1, drop_path=0.5, norm=norm), {"a": head})
    return Forecaster(model, {"a": Normalization(torch.zeros(1), torch.ones(1))})


def step(made, optimizer):
    frames = torch.randn(3, 2, 1, 8, 8)
    made.train()("a", frames, frames.flip(0)).backward()
    optimizer.step()
    optimizer.zero_grad()


def test_running_statistics_and_random_numbers_go_on_to_the_bit():
    made = forecaster()
    optimizer = build_optimizer(made, AdamW())
    step(made, optimizer)
    taken = copy.deepcopy(gather(1, made, optimizer, {"ranks_fixed": False}))
    assert {"model.backbone.layers.0.norm1.running_mean", "model.backbone.layers.0.norm2.running_var"} <= set(
        taken.tensors["model"]
    )
    step(made, optimizer)

    other = forecaster()
    restore_model(taken, other)
    fresh = build_optimizer(other, AdamW())
    restore_progress(taken, other, fresh)
    step(other, fresh)
    own, wanted = other.state_dict(), made.state_dict()
    assert [name for name in wanted if not torch.equal(own[name], wanted[name])] == []
    assert own["model.backbone.layers.0.norm1.num_batches_tracked"] == 2


def test_statistics_the_model_has_no_place_for_are_refused():
    made = forecaster()
    taken = gather(0, made, build_optimizer(made, AdamW()), {"ranks_fixed": False})
    with pytest.raises(CheckpointError, match=r"the model has no place for '.*norm1\.num_batches_tracked' and 5 more"):
        restore_model(taken, forecaster(norm="group"))
