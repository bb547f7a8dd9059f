"""Frozen vision transformers of timm and OpenCLIP as the shared trunk."""

from __future__ import annotations

from unistd.plugins.backbone_vit.config import OpenCLIPViTConfig, TimmViTConfig
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


@hookimpl
def unistd_components() -> list[Component]:
    """Return the two trunks."""
    return [
        Component(
            kind="backbone",
            name="timm-vit",
            config=TimmViTConfig,
            target="unistd.plugins.backbone_vit.timm_vit:timm_vit",
            summary="Vision transformer of timm: ImageNet, DINO, MAE, CLIP, SigLIP and other weights, or none",
        ),
        Component(
            kind="backbone",
            name="open-clip-vit",
            config=OpenCLIPViTConfig,
            target="unistd.plugins.backbone_vit.open_clip_vit:open_clip_vit",
            summary="Image tower of an OpenCLIP vision transformer, pre-trained on image-text pairs, or random",
        ),
    ]
