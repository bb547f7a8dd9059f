"""The head: the task's way into the trunk that all tasks share, and out of it."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from unistd.core.head import Encoded, TaskHead


class PatchHead(TaskHead):
    """One linear map makes a token (D) of all past frames of a patch, another makes future frames of the token.

    Args:
        past, future: Frames T and T'; these and the next three come from unistd.
        channels_in, channels_out: Channels C and C'.
        trunk_width: Features D of a token.
        patch: Pixels of a patch's side; from the spec.
    """

    def __init__(
        self, *, past: int, future: int, channels_in: int, channels_out: int, trunk_width: int, patch: int = 4
    ) -> None:
        super().__init__()
        self.future, self.patch = future, patch
        self.relative = channels_in == channels_out
        self.to_token = nn.Linear(past * channels_in * patch**2, trunk_width)
        self.to_frames = nn.Linear(trunk_width, future * channels_out * patch**2)
        # The forecast is what changes since the last frame, and at first nothing: training starts from persistence.
        nn.init.zeros_(self.to_frames.weight)
        nn.init.zeros_(self.to_frames.bias)

    def encode(self, x: Tensor) -> Encoded:
        """Turn frames ``x`` (B, T, C, H, W) into tokens (B, h·w, D); edges are repeated to fill the last patches."""
        side, (height, width) = self.patch, x.shape[-2:]
        frames = rearrange(x, "b t c h w -> b (t c) h w")
        frames = functional.pad(frames, (0, -width % side, 0, -height % side), mode="replicate")
        patches = rearrange(frames, "b s (h p) (w q) -> b (h w) (s p q)", p=side, q=side)
        grid = (frames.shape[-2] // side, frames.shape[-1] // side)
        return Encoded(self.to_token(patches), grid, (x[:, -1],))  # what is in memory comes back to `decode`

    def decode(self, encoded: Encoded) -> Tensor:
        """Turn tokens, as the trunk left them, into frames (B, T', C', H, W) of the size that was encoded."""
        (last,) = encoded.memory
        frames = rearrange(
            self.to_frames(encoded.tokens),
            "b (h w) (t c p q) -> b t c (h p) (w q)",
            h=encoded.grid[0],
            t=self.future,
            p=self.patch,
            q=self.patch,
        )[..., : last.shape[-2], : last.shape[-1]]
        return frames + last[:, None] if self.relative else frames
