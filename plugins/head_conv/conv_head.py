"""Strided convolutions into the trunk, upsampling convolutions out of it."""

from __future__ import annotations

import math
from typing import Literal, cast

import torch
from einops import rearrange
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
            ``recent-change`` does so in units of the window's own root mean square change from frame to frame, so that
            a weak or slow event gets small corrections and one that stands still is forecast to go on so.

    Raises:
        UsageError: A correction is asked for where C' ≠ C, or one to a recent change where T = 1.
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
        residual: Literal["last-frame", "recent-change", "none"] | None = None,
    ) -> None:
        super().__init__()
        if residual in ("last-frame", "recent-change") and channels_in != channels_out:
            raise UsageError(
                f"residual '{residual}' needs as many channels out as in, got {channels_in} in and {channels_out} out",
                help="residual: none",
            )
        if residual == "recent-change" and past < 2:
            raise UsageError(
                f"residual 'recent-change' needs at least 2 past frames, got {past}", help="residual: last-frame"
            )
        self.past, self.future, self.stride = past, future, stride
        self.relative = residual != "none" and channels_in == channels_out
        self.scaled = residual == "recent-change"
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
        unit = _recent_change(x) if self.scaled else x.new_ones(())
        return Encoded(self.to_tokens(late), grid, (x[:, -1], unit, last_early, late))

    def decode(self, encoded: Encoded) -> Tensor:
        """Turn tokens (B, N, D) into frames (B, T', C', H, W)."""
        last, unit, last_early, late = encoded.memory
        h, w = encoded.grid
        tokens = self.from_tokens(encoded.tokens) + self.bypass(late)
        coarse = rearrange(tokens, "b (h w) c -> b c h w", h=h, w=w)
        coarse = coarse + self.local(coarse)
        fine = self.rise(rearrange(coarse, "b (t c) h w -> (b t) c h w", t=self.future))
        pixels = functional.pixel_shuffle(self.read_out(self._join(fine, last_early)), self.subpixels)
        frames = rearrange(pixels, "(b t) c h w -> b t c h w", t=self.future)[..., : last.shape[-2], : last.shape[-1]]
        if self.scaled:
            frames = frames * unit
        return frames + last[:, None] if self.relative else frames

    def _join(self, fine: Tensor, early: Tensor) -> Tensor:
        """Convolve ``fine`` (B·T', c, h, w) and, beside it, ``early`` (B, c, h, w), which all leads share: once."""
        convolution, norm, activation = self.join
        weight = cast(Tensor, convolution.weight)
        width = fine.shape[1]
        once = functional.conv2d(early, weight[:, width:], padding=1)
        each = functional.conv2d(fine, weight[:, :width], cast(Tensor, convolution.bias), padding=1)
        both = rearrange(each, "(b t) c h w -> b t c h w", t=self.future) + once[:, None]
        joined: Tensor = activation(norm(rearrange(both, "b t c h w -> (b t) c h w")))
        return joined


def _recent_change(x: Tensor) -> Tensor:
    """Return the root mean square change from frame to frame of each window's channels (B, 1, C, 1, 1).

    The norms inside a head take the amplitude out of what they see; in these units it comes back.
    """
    change = x.diff(dim=1)
    # The slope of this norm at 0 is 0, that of a root is not.
    norm: Tensor = torch.linalg.vector_norm(change, dim=(1, 3, 4), keepdim=True)
    return norm / math.sqrt(change[0, :, 0].numel())


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
