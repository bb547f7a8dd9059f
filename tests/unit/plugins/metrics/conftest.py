from __future__ import annotations

import pytest
import torch
from torchvision.models import alexnet


@pytest.fixture(scope="session")
def alexnet_file(tmp_path_factory):
    """Random weights of torchvision's AlexNet, in the format of its own file."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        features = alexnet(weights=None).features.state_dict()
    path = tmp_path_factory.mktemp("trunk") / "alexnet.pth"
    torch.save({f"features.{name}": value for name, value in features.items()}, path)
    return path
