"""Masked autoencoding: most patches are hidden and reconstructed from the others (MAE, arXiv 2111.06377)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

import torch
from einops import rearrange
from torch import Tensor, nn

from unistd.core.backbone import Backbone
from unistd.core.errors import ModelError, UsageError
from unistd.core.forecaster import squared_error
from unistd.core.position import sine_cosine_2d
from unistd.core.pretraining.masking import draw_order, hidden_count
from unistd.core.pretraining.objective import HeldOut, Objective
from unistd.core.pretraining.reader import StillBatch
from unistd.core.pretraining.settings import Masked
from unistd.core.pretraining.stills import FrameSource

HEAD = 32  # features of a head of the decoder's attention


class Reconstruction(NamedTuple):
    """Patches (B, N, p·p·C) as guessed, and as they are, NaN where seen, missing or beyond the frame."""

    guess: Tensor
    target: Tensor
    grid: tuple[int, int]


class MaskedAutoencoder(Objective):
    """Reconstructs hidden patches; only the seen ones go through the trunk, with the positions of the joint model.

    Values are those of the normalised frames, not normalised again within each patch as MAE may do (choice: what a
    patch's own mean is, is just what a forecast has to know).

    Args:
        backbone: What is pre-trained.
        sources: What it is trained on.
        settings: Share of hidden patches, and the decoder.

    Raises:
        ModelError: The backbone needs every token of the grid.
        UsageError: A frame is a single patch, or a source has a name a module cannot have.
    """

    reference = "predicting the mean"

    def __init__(self, backbone: Backbone, sources: Mapping[str, FrameSource], settings: Masked) -> None:
        super().__init__(backbone, sources)
        if not backbone.takes_any_tokens:
            raise ModelError(
                f"'{type(backbone).__name__}' needs every token of the grid; masked pre-training hides most of them",
                help="take a vision transformer, such as 'timm-vit', or the objective 'labels'",
            )
        width = settings.decoder.width
        self.share = settings.share
        self.narrow = nn.Linear(backbone.width, width)
        self.hidden = nn.Parameter(torch.randn(width) * 0.02)
        self.decoder = nn.Sequential(*(_block(width) for _ in range(settings.decoder.depth)), nn.LayerNorm(width))
        self.read_out = nn.ModuleDict(
            {name: nn.Linear(width, len(source.card.channels) * source.patch**2) for name, source in sources.items()}
        )

    def forward(self, batch: StillBatch) -> Tensor:
        """Return the mean squared error of the hidden, valid pixels of ``batch``."""
        found = self.reconstruct(batch)
        error, pixels = squared_error(found.guess.float(), found.target)
        return error / pixels.clamp(min=1)

    def reconstruct(self, batch: StillBatch) -> Reconstruction:
        """Hide patches of ``batch`` and guess all of them."""
        patches, grid = self.patches(batch)
        count, device = patches.shape[1], patches.device
        if count < 2:
            raise UsageError(
                f"a frame of '{batch.source}' is a single patch: nothing is left to see", help="a smaller 'patch'"
            )
        order = draw_order(batch.number, len(patches), count).to(device)
        seen = order[:, : count - hidden_count(count, self.share)]
        tokens = self.tokens(batch.source, _pick(patches, seen))
        positions = sine_cosine_2d(grid, self.backbone.width, device)
        known = self.narrow(self.backbone(tokens + positions[seen], grid))
        width = known.shape[-1]
        whole = self.hidden.to(known.dtype).expand(len(patches), count, width).scatter(1, _wide(seen, width), known)
        decoded = self.decoder(whole + sine_cosine_2d(grid, width, device))
        guess = cast(Tensor, self.read_out[batch.source](decoded))
        target = patches.scatter(1, _wide(seen, patches.shape[-1]), torch.nan)
        return Reconstruction(guess, target, grid)

    def held_out(self, batches: Iterable[StillBatch]) -> HeldOut:
        """Score the hidden pixels of ``batches`` beside the mean of each channel over those very pixels."""
        loss, sums = 0.0, torch.zeros(3, 1, dtype=torch.float64)
        for batch in batches:
            found = self.reconstruct(batch)
            loss += squared_error(found.guess.float(), found.target)[0].item()
            values = rearrange(found.target, "b n (p c) -> c (b n p)", c=batch.frames.shape[1]).double().cpu()
            valid = values.isfinite()
            values = values.nan_to_num(0.0)
            sums = sums + torch.stack([valid.sum(1), values.sum(1), values.square().sum(1)])
        count, total, squares = sums
        apart = squares - total.square() / count.clamp(min=1)
        pixels = max(count.sum().item(), 1)
        return HeldOut(loss / pixels, apart.sum().item() / pixels)

    def picture(self, batch: StillBatch) -> tuple[Tensor, Tensor]:
        """Return the frames of ``batch`` with hidden patches as NaN, and with them as guessed, both (B, C, H, W)."""
        found = self.reconstruct(batch)
        patches, _ = self.patches(batch)
        seen = patches.where(found.target.isnan(), torch.nan)
        guessed = patches.where(found.target.isnan(), found.guess.float())
        return self._frames(batch, seen, found.grid), self._frames(batch, guessed, found.grid)

    def _frames(self, batch: StillBatch, patches: Tensor, grid: tuple[int, int]) -> Tensor:
        size, (height, width) = self.patch[batch.source], batch.frames.shape[-2:]
        whole = rearrange(patches, "b (h w) (p q c) -> b c (h p) (w q)", h=grid[0], p=size, q=size)
        return whole[..., :height, :width]


def _pick(patches: Tensor, chosen: Tensor) -> Tensor:
    return patches.gather(1, _wide(chosen, patches.shape[-1]))


def _wide(chosen: Tensor, width: int) -> Tensor:
    return chosen[:, :, None].expand(-1, -1, width)


def _block(width: int) -> nn.Module:
    return nn.TransformerEncoderLayer(
        width, width // HEAD, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
