"""Strided convolutions into the trunk, upsampling convolutions out of it."""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional

from unistd.core.errors import UsageError
from unistd.core.head import Encoded, TaskHead


class ConvHead(TaskHead):
    """Encoder and decoder of one task with c channels inside (method §2, §8).

    Frames are padded to the stride by repeating the edge, and forecasts cropped back. The read-out starts at zero, so a
    head relative to the last frame starts as persistence. Full resolution is reached by one sub-pixel convolution,
    because a decoder stage at H × W would cost more than a small trunk.

    Args:
        past, future: Frames T and T'.
        channels_in, channels_out: Channels C and C'.
        trunk_width: Features D of a token.
        width: Channels c.
        stride: Pixels of a token's side, a power of two.
        residual: ``last-frame`` forecasts a correction to the last input frame; by default where C' = C.

    Raises:
        UsageError: ``last-frame`` is asked for where C' ≠ C.
    """

    def __init__(
        self,
        *,
        past: int,
        future: int,
        channels_in: int,
        channels_out: int,
        trunk_width: int,
        width: int = 32,
        stride: int = 4,
        residual: Literal["last-frame", "none"] | None = None,
    ) -> None:
        super().__init__()
        if residual == "last-frame" and channels_in != channels_out:
            raise UsageError(
                f"residual 'last-frame' needs as many channels out as in, got {channels_in} in and {channels_out} out",
                help="residual: none",
            )
        self.past, self.future, self.stride = past, future, stride
        self.relative = residual != "none" and channels_in == channels_out
        halvings = stride.bit_length() - 1
        self.early = _stage(channels_in, width, stride=min(stride, 2))
        self.late = nn.Sequential(*(_stage(width, width, stride=2) for _ in range(halvings - 1)), _stage(width, width))
        self.to_tokens = nn.Linear(past * width, trunk_width)
        self.from_tokens = nn.Linear(trunk_width, future * width)
        self.bypass = nn.Linear(past * width, future * width)
        self.local = _stage(future * width, future * width, groups=future)
        self.rise = nn.Sequential(*(_rise(width) for _ in range(halvings - 1)))
        self.join = _stage(2 * width, width)
        self.subpixels = min(stride, 2)
        self.read_out = nn.Conv2d(width, channels_out * self.subpixels**2, 3, padding=1)
        for parameter in self.read_out.parameters():
            nn.init.zeros_(parameter)

    def encode(self, x: Tensor) -> Encoded:
        """Turn frames ``x`` (B, T, C, H, W) into tokens on an h × w grid of strides."""
        height, width = x.shape[-2:]
        frames = rearrange(x, "b t c h w -> (b t) c h w")
        frames = functional.pad(frames, (0, -width % self.stride, 0, -height % self.stride), mode="replicate")
        early = self.early(frames)
        late = rearrange(self.late(early), "(b t) c h w -> b (h w) (t c)", t=self.past)
        grid = (frames.shape[-2] // self.stride, frames.shape[-1] // self.stride)
        last_early = rearrange(early, "(b t) c h w -> b t c h w", t=self.past)[:, -1]
        return Encoded(self.to_tokens(late), grid, (x[:, -1], last_early, late))

    def decode(self, encoded: Encoded) -> Tensor:
        """Turn tokens (B, N, D) into frames (B, T', C', H, W)."""
        last, last_early, late = encoded.memory
        h, w = encoded.grid
        tokens = self.from_tokens(encoded.tokens) + self.bypass(late)
        coarse = rearrange(tokens, "b (h w) c -> b c h w", h=h, w=w)
        coarse = coarse + self.local(coarse)
        fine = self.rise(rearrange(coarse, "b (t c) h w -> (b t) c h w", t=self.future))
        skip = repeat(last_early, "b c h w -> (b t) c h w", t=self.future)
        pixels = functional.pixel_shuffle(self.read_out(self.join(torch.cat([fine, skip], dim=1))), self.subpixels)
        frames = rearrange(pixels, "(b t) c h w -> b t c h w", t=self.future)[..., : last.shape[-2], : last.shape[-1]]
        return frames + last[:, None] if self.relative else frames


def _rise(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), _stage(width, width))


def _stage(channels_in: int, channels_out: int, *, stride: int = 1, groups: int = 1) -> nn.Sequential:
    own = channels_out // groups
    # Two channels a group at the least: the norm of a single value, on a 1×1 grid, would be nothing.
    norm_groups = next(n for n in (8, 4, 2, 1) if own % n == 0 and own // n > 1) * groups
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, groups=groups),
        nn.GroupNorm(norm_groups, channels_out),
        nn.SiLU(),
    )
