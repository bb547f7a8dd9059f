"""A tiny trunk, and sources of frames made up in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from unistd.core.data.normalization import Normalization
from unistd.core.pretraining.images import CARD
from unistd.core.pretraining.stills import FrameSource, Stills
from unistd.plugins.backbone_vit.timm_vit import timm_vit


class Held(Stills):
    """Frames (n, C, H, W) as they are given."""

    def __init__(self, frames, labels=None):
        self.frames, self.labels = frames, labels

    def __len__(self):
        return len(self.frames)

    def read(self, indices, at):
        return self.frames[torch.from_numpy(indices)]


@pytest.fixture
def trunk():
    return timm_vit(variant="vit_tiny_patch16_224", pretrained=False, freeze=False, depth=1, width=32, heads=2)


@pytest.fixture
def source():
    """Make a source of RGB frames."""

    def make(frames, patch=4, labels=None, names=()):
        stills = Held(frames, labels)
        return FrameSource(stills, stills, CARD, Normalization.identity(3), patch, "", names)

    return make


@pytest.fixture
def folder(tmp_path):
    """Write pictures of one colour and noise, ten of each of two labels."""
    random = np.random.default_rng(0)
    for label, channel in (("red", 0), ("blue", 2)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(10):
            pixels = random.integers(0, 80, (20, 24, 3), dtype=np.uint8)
            pixels[:, :, channel] += 150
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    return tmp_path / "photos"
