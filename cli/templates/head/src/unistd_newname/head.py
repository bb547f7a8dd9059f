"""1x1 convolutions into the trunk and out of it."""

from __future__ import annotations

from torch import Tensor, nn
from unistd.core.head import Encoded, TaskHead


class NewNameHead(TaskHead):
    """A token is one pixel with its past; the forecast is a correction to the last frame where C' = C.

    Args:
        past: Frames seen T.
        future: Frames forecast T'.
        channels_in: Channels C.
        channels_out: Channels C'.
        trunk_width: Features D of a token.
        hidden: Channels between the two convolutions of each way.
    """

    def __init__(
        self, *, past: int, future: int, channels_in: int, channels_out: int, trunk_width: int, hidden: int = 32
    ) -> None:
        super().__init__()
        self.frames = (future, channels_out)
        self.relative = channels_in == channels_out
        self.into = _two(past * channels_in, hidden, trunk_width)
        self.out_of = _two(trunk_width, hidden, future * channels_out)

    def encode(self, x: Tensor) -> Encoded:
        """Turn frames ``x`` (B, T, C, H, W) into tokens (B, H·W, D)."""
        maps: Tensor = self.into(x.flatten(1, 2))  # (B, D, H, W)
        return Encoded(maps.flatten(2).transpose(1, 2), (x.shape[3], x.shape[4]), (x[:, -1:],))

    def decode(self, encoded: Encoded) -> Tensor:
        """Turn tokens (B, H·W, D), as the trunk left them, into frames (B, T', C', H, W)."""
        h, w = encoded.grid
        maps = encoded.tokens.transpose(1, 2).reshape(len(encoded.tokens), -1, h, w)
        frames: Tensor = self.out_of(maps).unflatten(1, self.frames)
        (last,) = encoded.memory
        return last + frames if self.relative else frames


def _two(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, hidden, 1), nn.GELU(), nn.Conv2d(hidden, outputs, 1))
