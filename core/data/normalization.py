"""Physical units to the numbers a network sees, and back."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from unistd.core.errors import ModelError


class Normalization(nn.Module):
    """Affine map per channel: normalised = (physical − offset) ÷ scale; missing values (NaN) stay missing.

    Args:
        offset: (C,) in physical units.
        scale: (C,) in physical units, greater than 0.

    Raises:
        ModelError: A scale is 0, negative or not finite, or an offset is not finite.
    """

    offset: Tensor
    scale: Tensor

    def __init__(self, offset: ArrayLike, scale: ArrayLike) -> None:
        super().__init__()
        self.register_buffer("offset", torch.as_tensor(offset, dtype=torch.float32).clone())
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32).clone())
        if self.offset.shape != self.scale.shape or self.offset.ndim != 1:
            message = (
                f"offset and scale must have one value per channel, got {_shape(self.offset)} and {_shape(self.scale)}"
            )
            raise ModelError(message)
        if not (self.offset.isfinite().all() and self.scale.isfinite().all() and (self.scale > 0).all()):
            message = f"cannot normalise with offset '{self.offset.tolist()}' and scale '{self.scale.tolist()}'"
            raise ModelError(message, help="a scale must be finite and greater than 0")

    @classmethod
    def identity(cls, channels: int) -> Normalization:
        """Return the map that changes nothing, a place for the values of a checkpoint."""
        return cls(torch.zeros(channels), torch.ones(channels))

    def normalize(self, x: Tensor) -> Tensor:
        """Map ``x`` (..., C, H, W) from physical units to normalised values."""
        self._check(x)
        return (x - self.offset[:, None, None]) / self.scale[:, None, None]

    def denormalize(self, y: Tensor) -> Tensor:
        """Map ``y`` (..., C, H, W) from normalised values to physical units."""
        self._check(y)
        return y * self.scale[:, None, None] + self.offset[:, None, None]

    def _check(self, x: Tensor) -> None:
        if x.ndim < 3 or x.shape[-3] != len(self.offset):  # one channel would broadcast in silence
            raise ModelError(
                f"frames {_shape(x)} do not have {len(self.offset)} channels on the third axis from the end"
            )


def _shape(x: Tensor) -> str:
    return f"'{tuple(x.shape)}'"
