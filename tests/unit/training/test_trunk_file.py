import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from unistd.core.errors import CheckpointError
from unistd.core.training.trunk_file import load_trunk, save_trunk, trunk_digest


def test_a_trunk_without_parameters_comes_back(tmp_path):
    path = tmp_path / "trunk.safetensors"
    save_trunk(path, {})
    assert load_file(path) == {}
    load_trunk(path, {}, trunk_digest({}))


def test_weights_come_back_and_others_are_refused(tmp_path):
    path, own = tmp_path / "trunk.safetensors", {"a": nn.Parameter(torch.randn(3))}
    save_trunk(path, own, {"width": "3"})
    fresh = {"a": nn.Parameter(torch.zeros(3))}
    load_trunk(path, fresh, trunk_digest(own))
    assert torch.equal(fresh["a"], own["a"])
    with pytest.raises(CheckpointError, match="not the ones this run was made with"):
        load_trunk(path, fresh, trunk_digest({"a": nn.Parameter(torch.ones(3))}))
