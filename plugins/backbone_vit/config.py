"""Options of the two trunks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from unistd.registry.component import Config

Count = Annotated[int, Field(ge=1)]


class _ViTConfig(Config):
    freeze: bool = True
    """Keep the trunk as it was pre-trained; false trains it with everything else."""
    depth: Count | None = None
    """Number of blocks; pre-trained weights are cut to their first blocks. The variant's own by default."""
    width: Count | None = None
    """Token features D, only with ``pretrained: false``. The variant's own by default."""
    heads: Count | None = None
    """Attention heads, only with ``pretrained: false``. The variant's own by default."""
    seed: int = 0
    """Draws the random weights of ``pretrained: false``."""


class TimmViTConfig(_ViTConfig):
    """A vision transformer of timm."""

    variant: str = "vit_base_patch16_224"
    """Name in timm without a weight tag, ``vit_base_patch16_224``; patch and image size in it do not matter."""
    pretrained: bool | str = True
    """True for timm's default weights, a weight tag, a file (.safetensors, .pt, .pth, .bin), or false for random."""


class OpenCLIPViTConfig(_ViTConfig):
    """The image tower of an OpenCLIP model."""

    variant: str = "ViT-B-32"
    """Name in OpenCLIP, ``ViT-B-32``; for a file trained with QuickGELU, as OpenAI's are, ``ViT-B-32-quickgelu``."""
    pretrained: bool | str = True
    """True for OpenCLIP's first tag, a weight tag, a file (.safetensors, .pt, .pth, .bin), or false for random."""
