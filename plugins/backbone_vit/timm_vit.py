"""Vision transformers of timm."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import timm
from timm.models import load_state_dict_from_hf
from timm.models.vision_transformer import (  # type: ignore[attr-defined]
    Attention,
    Block,
    ResPostBlock,
    VisionTransformer,
    checkpoint_filter_fn,
)
from torch import Tensor, nn

from unistd.core.errors import ModelError
from unistd.plugins.backbone_vit.build import check_sizes, nearest, seeded
from unistd.plugins.backbone_vit.trunk import Trunk, TrunkBlock
from unistd.plugins.backbone_vit.weights import load_weights, not_fetched, read_weights, resolve


def timm_vit(
    *,
    variant: str = "vit_base_patch16_224",
    pretrained: bool | str | Path = True,
    freeze: bool = True,
    depth: int | None = None,
    width: int | None = None,
    heads: int | None = None,
    seed: int = 0,
) -> Trunk:
    """Build the trunk of a plain vision transformer of timm (method §1).

    Args:
        variant: timm's name, without a weight tag.
        pretrained: ``True`` for timm's default tag, a tag, a file, or ``False``.
        freeze: Whether nothing of the trunk learns.
        depth: Number of blocks; cuts pre-trained weights to their first blocks.
        width: Token features D; only without weights, or as a file was pre-trained with.
        heads: Attention heads; only without weights, or as a file was pre-trained with.
        seed: Draws the random weights; the global random state is left alone.

    Raises:
        ModelError: The variant is unknown or no plain vision transformer, or its weights cannot be had or do not fit.
    """
    tags = _tags(variant)
    source = resolve(variant, pretrained, list(tags), _weights(variant).tag)
    check_sizes(source, depth, width, heads)
    library = _create(variant, seed, None if source else depth, width, heads)
    trunk = _trunk(variant, library)
    if source is not None:
        state = read_weights(source) if isinstance(source, Path) else _fetch(variant, source, tags[source])
        trunk = load_weights(trunk, library, _translate(state, library), source, depth)
    if freeze:
        trunk.freeze()
    return trunk


def _tags(variant: str) -> dict[str, str]:
    """Return the repository of each weight tag; timm's few tags without one can be had as a file only."""
    known = [name for module in ("vision_transformer", "deit") for name in timm.list_models(module=module)]
    if variant not in known:
        name, _, tag = variant.partition(".")
        if tag and name in known:
            raise ModelError(f"variant '{variant}' has a weight tag", help=f"variant: {name}, pretrained: {tag}")
        what = "is no plain vision transformer" if timm.is_model(variant) else "is no model of timm"
        raise ModelError(f"variant '{variant}' {what}", help=nearest(variant, known))
    names = timm.list_pretrained(f"{variant}.*")
    places = {name.partition(".")[2]: _weights(name).hf_hub_id for name in names}
    return {tag: place for tag, place in places.items() if place}


def _weights(name: str) -> Any:
    return timm.get_pretrained_cfg(name)


def _create(variant: str, seed: int, depth: int | None, width: int | None, heads: int | None) -> VisionTransformer:
    with seeded(seed):
        try:
            library = timm.create_model(variant, depth=depth, embed_dim=width, num_heads=heads)
        except AssertionError as error:  # timm's only check of the sizes
            asked = " and ".join(f"{name} '{size}'" for name, size in (("width", width), ("heads", heads)) if size)
            raise ModelError(
                f"variant '{variant}' cannot have {asked}: {error}",
                help="give both 'width' and 'heads', the first a multiple of the second",
            ) from error
    return cast(VisionTransformer, library)


def _trunk(variant: str, library: VisionTransformer) -> Trunk:
    blocks = [_block(variant, block) for block in library.blocks]
    return Trunk(blocks, width=library.embed_dim, norm_pre=library.norm_pre, norm=library.norm)


def _block(variant: str, block: Any) -> TrunkBlock:
    _check_block(variant, block)
    if type(block) is Block:
        return TrunkBlock(
            norm1=block.norm1, attn=block.attn, ls1=block.ls1, norm2=block.norm2, mlp=block.mlp, ls2=block.ls2
        )
    before = nn.Identity()  # a post-norm block normalises what its attention and MLP return
    return TrunkBlock(norm1=before, attn=block.attn, ls1=block.norm1, norm2=before, mlp=block.mlp, ls2=block.norm2)


def _check_block(variant: str, block: Any) -> None:
    if type(block) not in (Block, ResPostBlock):
        unfit = block
    elif type(block.attn) is not Attention:
        unfit = block.attn
    elif not all(isinstance(getattr(block.mlp, name, None), nn.Linear) for name in ("fc1", "fc2")):
        unfit = block.mlp
    else:
        return
    raise ModelError(
        f"variant '{variant}' is built of '{type(unfit).__name__}', which is no plain block, attention or MLP",
        help="supported: Block and ResPostBlock with Attention and an MLP of fc1 and fc2, as in vit_base_patch16_224",
    )


def _fetch(variant: str, tag: str, repository: str) -> dict[str, Tensor]:
    try:
        return dict(load_state_dict_from_hf(repository))
    except Exception as error:  # each transport raises its own
        raise not_fetched(variant, tag, f"https://huggingface.co/{repository}", error) from error


def _translate(state: dict[str, Tensor], library: VisionTransformer) -> dict[str, Tensor]:
    """Bring files of DINOv2, CLIP and other publishers to timm's names."""
    library.pos_embed = None  # timm would resample the file's table to it
    return dict(checkpoint_filter_fn(state, library, adapt_layer_scale=True))
