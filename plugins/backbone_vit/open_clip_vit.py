"""Image towers of OpenCLIP."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any, cast

import open_clip
from einops import rearrange
from open_clip.model import CLIPVisionCfg, _build_vision_tower  # the only builder of an image tower alone
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from unistd.core.errors import ModelError
from unistd.plugins.backbone_vit.build import check_sizes, nearest, seeded
from unistd.plugins.backbone_vit.trunk import Trunk, TrunkBlock
from unistd.plugins.backbone_vit.weights import load_weights, not_fetched, read_weights, resolve


class SelfAttention(nn.Module):
    """The self-attention of ``nn.MultiheadAttention`` with its own weights, as linear maps that can be replaced."""

    def __init__(self, original: nn.MultiheadAttention) -> None:
        super().__init__()
        width = original.embed_dim
        self.heads = original.num_heads
        self.qkv = nn.Linear(width, 3 * width, device="meta")
        self.qkv.weight, self.qkv.bias = original.in_proj_weight, original.in_proj_bias
        self.proj = original.out_proj

    def forward(self, x: Tensor) -> Tensor:
        """Attend among tokens ``x`` (B, N, D) and return (B, N, D)."""
        q, k, v = rearrange(self.qkv(x), "b n (three heads d) -> three b heads n d", three=3, heads=self.heads)
        mixed = scaled_dot_product_attention(q, k, v)
        return cast(Tensor, self.proj(rearrange(mixed, "b heads n d -> b n (heads d)")))


def open_clip_vit(
    *,
    variant: str = "ViT-B-32",
    pretrained: bool | str | Path = True,
    freeze: bool = True,
    depth: int | None = None,
    width: int | None = None,
    heads: int | None = None,
    seed: int = 0,
) -> Trunk:
    """Build the trunk of the image tower of an OpenCLIP vision transformer (method §1).

    Args:
        variant: OpenCLIP's name; ``-quickgelu`` at its end for files trained with that activation.
        pretrained: ``True`` for the first tag OpenCLIP lists, a tag, a file, or ``False``.
        freeze: Whether nothing of the trunk learns.
        depth: Number of blocks; cuts pre-trained weights to their first blocks.
        width: Token features D; only without weights, or as a file was pre-trained with.
        heads: Attention heads; only without weights, or as a file was pre-trained with.
        seed: Draws the random weights; the global random state is left alone.

    Raises:
        ModelError: The variant is unknown or no vision transformer, or its weights cannot be had or do not fit.
    """
    config = _config(activation_variant(variant, pretrained))
    source = _source(variant, pretrained)
    check_sizes(source, depth, width, heads)
    vision = _resize(CLIPVisionCfg(**config["vision_cfg"]), None if source else depth, width, heads)
    with seeded(seed):
        library = _build_vision_tower(config["embed_dim"], vision, quick_gelu=config.get("quick_gelu", False))
    trunk = _trunk(variant, library)
    if source is not None:
        state = read_weights(source if isinstance(source, Path) else _fetch(variant, source))
        trunk = load_weights(trunk, library, _image_tower(state), source, depth)
    if freeze:
        trunk.freeze()
    return trunk


def activation_variant(variant: str, pretrained: bool | str | Path) -> str:
    """Return the variant with the activation of its weights: some tags were trained with QuickGELU."""
    source = _source(variant, pretrained)
    trained = (open_clip.get_pretrained_cfg(variant, source) or {}) if isinstance(source, str) else {}
    quick = trained.get("quick_gelu", False) and not variant.endswith("-quickgelu")
    return f"{variant}-quickgelu" if quick else variant


def _source(variant: str, pretrained: bool | str | Path) -> str | Path | None:
    tags = open_clip.list_pretrained_tags_by_model(variant)
    return resolve(variant, pretrained, tags, tags[0] if tags else "")


def _config(variant: str) -> dict[str, Any]:
    configs = {name: open_clip.get_model_config(name) for name in open_clip.list_models()}
    towers = {name: config for name, config in configs.items() if _own_vit(config["vision_cfg"])}
    if variant in towers:
        return cast("dict[str, Any]", towers[variant])
    timm_name = configs.get(variant, {}).get("vision_cfg", {}).get("timm_model_name")
    if timm_name:
        raise ModelError(
            f"the image tower of '{variant}' is timm's '{timm_name}'", help=f"kind: timm-vit, variant: {timm_name}"
        )
    what = "is no vision transformer" if variant in configs else "is no model of OpenCLIP"
    raise ModelError(f"variant '{variant}' {what}", help=nearest(variant, list(towers)))


def _own_vit(vision: dict[str, Any]) -> bool:
    return "timm_model_name" not in vision and isinstance(vision.get("layers", 0), int)


def _resize(vision: CLIPVisionCfg, depth: int | None, width: int | None, heads: int | None) -> CLIPVisionCfg:
    heads = heads or vision.width // vision.head_width
    width = width or vision.width
    if width % heads:
        raise ModelError(f"width '{width}' is no multiple of '{heads}' heads", help="give both 'width' and 'heads'")
    vision.layers, vision.width, vision.head_width = depth or vision.layers, width, width // heads
    return vision


def _trunk(variant: str, library: VisionTransformer) -> Trunk:
    normed = library.attn_pool is None and not library.final_ln_after_pool  # else the norm never saw single tokens
    blocks = [_block(variant, block) for block in library.transformer.resblocks]
    norm = library.ln_post if normed else nn.Identity()
    return Trunk(blocks, width=library.transformer.width, norm_pre=library.ln_pre, norm=norm)


def _block(variant: str, block: Any) -> TrunkBlock:
    if type(block) is not ResidualAttentionBlock:
        raise ModelError(
            f"variant '{variant}' is built of '{type(block).__name__}', which has no place for adapters",
            help="supported: ResidualAttentionBlock, as in ViT-B-32",
        )
    mlp = nn.Sequential(OrderedDict(fc1=block.mlp.c_fc, act=block.mlp.gelu, fc2=block.mlp.c_proj))
    return TrunkBlock(
        norm1=block.ln_1, attn=SelfAttention(block.attn), ls1=block.ls_1, norm2=block.ln_2, mlp=mlp, ls2=block.ls_2
    )


def _fetch(variant: str, tag: str) -> Path:
    config = open_clip.get_pretrained_cfg(variant, tag)
    place = config.get("hf_hub", "").rstrip("/")
    try:
        return Path(open_clip.download_pretrained(config))
    except Exception as error:  # each transport raises its own
        raise not_fetched(variant, tag, f"https://huggingface.co/{place}" if place else config["url"], error) from error


def _image_tower(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Leave out the text tower, whose blocks have the same names without the prefix."""
    towers = {name.removeprefix("visual."): value for name, value in state.items() if name.startswith("visual.")}
    return towers or state
