"""What every backbone must hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from unistd.core.backbone import Backbone
from unistd.core.temporal import NoTemporal
from unistd.core.testing import checks

GRID = (3, 5)


class BackboneContract(ABC):
    """Subclass it as ``class TestMine(BackboneContract)`` and write ``make``."""

    @abstractmethod
    def make(self) -> Backbone:
        """Return a new backbone, as small as its options allow."""

    def _made(self) -> Backbone:
        return checks.seeded(self.make).eval()

    def _tokens(self, backbone: Backbone, batch: int = 2, grid: tuple[int, int] = GRID) -> Tensor:
        return checks.noise(batch, grid[0] * grid[1], backbone.width)

    def test_any_grid_and_batch_keep_their_shape(self) -> None:
        """Map (B, N, D) to (B, N, D) on grids of one token, one row, odd and even sides."""
        backbone = self._made()
        for grid in checks.GRIDS:
            for batch in (1, 2):
                x = self._tokens(backbone, batch, grid)
                with torch.no_grad():
                    shape = backbone(x, grid).shape
                assert shape == x.shape, f"tokens {tuple(x.shape)} came back as {tuple(shape)} on grid {grid}"

    def test_dtype_follows_the_input(self) -> None:
        """Compute in the type of weights and tokens."""
        checks.require_dtypes(self._made, lambda own, dtype: own(self._tokens(cast(Backbone, own)).to(dtype), GRID))

    def test_it_moves_as_a_whole(self) -> None:
        """Follow its input to another device, with all it holds."""
        backbone = self._made()
        checks.require_moves(backbone, lambda: backbone(self._tokens(backbone).to(checks.ELSEWHERE), GRID))

    def test_gradients_reach_what_learns_and_the_tokens(self) -> None:
        """Let heads before the trunk learn, whether it is frozen or not."""
        backbone = self._made().train()
        x = self._tokens(backbone).requires_grad_()
        checks.require_gradients([backbone], backbone(x, GRID))
        assert x.grad is not None, "no gradient passes through the trunk to its tokens"

    def test_what_is_frozen_stays_frozen(self) -> None:
        """Keep ``requires_grad`` of every parameter through train and eval."""
        backbone = self._made()
        before = [p.requires_grad for p in backbone.parameters()]
        after = [p.requires_grad for p in backbone.train().parameters()]
        assert after == before, "train() changed which parameters learn"

    def test_same_input_same_bits(self) -> None:
        """Repeat itself in evaluation."""
        backbone = self._made()
        checks.require_repeats(lambda: cast(Tensor, backbone(self._tokens(backbone), GRID)).detach())

    def test_no_global_random_state(self) -> None:
        """Draw no number from the global generators in evaluation."""
        backbone = self._made()
        checks.require_no_global_random(lambda: backbone(self._tokens(backbone), GRID))

    def test_saved_and_loaded_it_is_the_same(self, tmp_path: Path) -> None:
        """Hold all it needs in its state."""
        checks.require_round_trip(self.make, lambda own: own(self._tokens(cast(Backbone, own)), GRID), tmp_path)

    def test_sites_are_linear_maps(self) -> None:
        """Name linear maps of the stated shape."""
        backbone = self._made()
        checks.require_sites(backbone, backbone.sites())

    def test_every_block_calls_its_temporal_module(self) -> None:
        """Call ``temporal`` of each block once, with tokens (B, N, D) and the grid."""
        backbone, calls = self._made(), []

        class Seen(NoTemporal):
            def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
                calls.append((tuple(tokens.shape), grid))
                return tokens

        blocks = backbone.blocks()
        for block in blocks:
            assert isinstance(getattr(block, "temporal", None), nn.Module), "a block has no submodule 'temporal'"
            block.temporal = Seen()
        x = self._tokens(backbone)
        backbone(x, GRID)
        wanted = [(tuple(x.shape), GRID)] * len(blocks)
        assert calls == wanted, f"{len(blocks)} blocks must call 'temporal' once each with {wanted[:1]}, got {calls}"
