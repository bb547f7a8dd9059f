"""The trunk both libraries' transformers become."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, cast

from torch import Tensor, nn

from unistd.core.adapter import Site
from unistd.core.backbone import Backbone
from unistd.core.errors import ModelError
from unistd.core.model import freeze
from unistd.core.temporal import NoTemporal, TemporalModule


class TrunkBlock(nn.Module):
    """A transformer block with room for a temporal module between attention and MLP (method §2).

    Args:
        norm1: Before the attention; an identity in a post-norm block.
        attn: Calls its submodules ``qkv`` (D to 3·D) and ``proj`` (D to D), so that both can be replaced.
        ls1: Scales, or in a post-norm block normalises, the attention's output.
        norm2: Before the MLP; an identity in a post-norm block.
        mlp: Calls its submodules ``fc1`` and ``fc2``.
        ls2: Scales or normalises the MLP's output.
    """

    def __init__(
        self, *, norm1: nn.Module, attn: nn.Module, ls1: nn.Module, norm2: nn.Module, mlp: nn.Module, ls2: nn.Module
    ) -> None:
        super().__init__()
        self.norm1 = norm1
        self.attn = attn
        self.ls1 = ls1
        self.temporal: TemporalModule = NoTemporal()
        self.norm2 = norm2
        self.mlp = mlp
        self.ls2 = ls2

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Map ``tokens`` (B, N, D), row by row on ``grid`` (h, w), to (B, N, D)."""
        x = tokens + self.ls1(self.attn(self.norm1(tokens)))
        x = cast(Tensor, self.temporal(x, grid))
        return x + cast(Tensor, self.ls2(self.mlp(self.norm2(x))))

    def sites(self, path: str) -> list[Site]:
        """List the block's four linear maps; ``path`` is where the block lies in its trunk."""
        names = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
        qkv, proj, fc1, fc2 = (cast(nn.Linear, self.get_submodule(name)) for name in names)
        parts = (
            dict.fromkeys("qkv", qkv.out_features // 3),
            {"proj": proj.out_features},
            {"fc1": fc1.out_features},
            {"fc2": fc2.out_features},
        )
        widths = (linear.in_features for linear in (qkv, proj, fc1, fc2))
        return [
            Site(name=f"{path}.{name}", width=width, parts=part)
            for name, width, part in zip(names, widths, parts, strict=True)
        ]


class Trunk(Backbone):
    """The blocks of a vision transformer between its first and its last norm (method §2).

    Patch embedding, class and register tokens, position table and head are not part of it.

    Args:
        blocks: The blocks in order.
        width: Token features D.
        norm_pre: Before the first block, where pre-training had one (CLIP).
        norm: After the last block, where pre-training normalised every token.
    """

    takes_any_tokens: ClassVar[bool] = True

    def __init__(self, blocks: Iterable[TrunkBlock], *, width: int, norm_pre: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.width = width
        self.norm_pre = norm_pre
        self.layers = nn.ModuleList(blocks)  # not "blocks": that name is the contract's method
        self.norm = norm
        self._sites = [site for i, block in enumerate(self.blocks()) for site in block.sites(f"layers.{i}")]
        self._frozen: list[nn.Module] = []

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Map ``tokens`` (B, N, D) to (B, N, D); attention is global, so only a temporal module looks at the grid."""
        x = self.norm_pre(tokens)
        for block in self.layers:
            x = block(x, grid)
        return cast(Tensor, self.norm(x))

    def sites(self) -> Sequence[Site]:
        """List ``attn.qkv``, ``attn.proj``, ``mlp.fc1`` and ``mlp.fc2`` of every block."""
        return self._sites

    def blocks(self) -> Sequence[TrunkBlock]:
        """List the blocks in order."""
        return cast("list[TrunkBlock]", list(self.layers))

    def first(self, depth: int | None) -> Trunk:
        """Return the trunk of the first ``depth`` blocks, or this one for ``None``.

        Raises:
            ModelError: There are fewer blocks.
        """
        if depth is None:
            return self
        if depth > len(self.layers):
            raise ModelError(f"depth '{depth}' is more than the {len(self.layers)} blocks of the pre-trained trunk")
        return Trunk(self.blocks()[:depth], width=self.width, norm_pre=self.norm_pre, norm=self.norm)

    def freeze(self) -> None:
        """Freeze what the trunk holds now; what is placed in it later learns and switches between modes."""
        freeze(self)
        self._frozen = list(self.modules())

    def train(self, mode: bool = True) -> Trunk:
        """Switch the mode of everything but the frozen modules, which stay in inference."""
        super().train(mode)
        for module in self._frozen:
            module.training = False
        return self
