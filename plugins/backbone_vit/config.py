"""Options of the two trunks."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field

from unistd.registry.component import Config

Count = Annotated[int, Field(ge=1)]


class _ViTConfig(Config):
    freeze: bool = True
    """Keep the trunk as it was pre-trained; false trains it with everything else."""
    depth: Count | None = None
    """Number of blocks; pre-trained weights are cut to their first blocks. The variant's own by default."""
    width: Count | None = None
    """Token features D, only with ``pretrained: false`` or a file made with it. The variant's own by default."""
    heads: Count | None = None
    """Attention heads, only with ``pretrained: false`` or a file made with it. The variant's own by default."""
    seed: int = 0
    """Draws the random weights of ``pretrained: false``."""
    pretrained: bool | str = True
    """True for the library's default weights, a tag, a file (.safetensors, .pt, .pth, .bin), or false for random."""

    def without_download(self) -> Self:
        """Return options that build the same module with random weights."""
        return self.model_copy(update={"pretrained": False})


class TimmViTConfig(_ViTConfig):
    """A vision transformer of timm."""

    variant: str = "vit_base_patch16_224"
    """Name in timm without a weight tag, ``vit_base_patch16_224``; patch and image size in it do not matter."""


class OpenCLIPViTConfig(_ViTConfig):
    """The image tower of an OpenCLIP model."""

    variant: str = "ViT-B-32"
    """Name in OpenCLIP, ``ViT-B-32``; for a file trained with QuickGELU, as OpenAI's are, ``ViT-B-32-quickgelu``."""

    def without_download(self) -> Self:
        """Return options that build the same module with random weights; the weights decide on its activation."""
        from unistd.plugins.backbone_vit.open_clip_vit import activation_variant

        variant = activation_variant(self.variant, self.pretrained)
        return self.model_copy(update={"pretrained": False, "variant": variant})
