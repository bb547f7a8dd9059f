"""A run that has its own weights is rebuilt without fetching any, with the activation they were trained with."""

from __future__ import annotations

import pytest

from unistd.plugins.backbone_vit.config import OpenCLIPViTConfig, TimmViTConfig


@pytest.mark.parametrize(
    ("tag", "variant"), [("openai", "ViT-B-32-quickgelu"), ("laion2b_e16", "ViT-B-32"), (False, "ViT-B-32")]
)
def test_open_clip_keeps_the_activation(tag, variant):
    offline = OpenCLIPViTConfig(variant="ViT-B-32", pretrained=tag).without_download()
    assert (offline.pretrained, offline.variant) == (False, variant)


def test_timm_keeps_everything_else():
    config = TimmViTConfig(variant="vit_small_patch16_224", pretrained=True, depth=3)
    assert config.without_download() == config.model_copy(update={"pretrained": False})
