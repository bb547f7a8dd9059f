"""Options of ``gsta``; imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from unistd.registry.component import Config

Count = Annotated[int, Field(ge=1)]


class GstaConfig(Config):
    """SimVPv2's translator; it has no pre-trained weights and always learns."""

    width: Count = 256
    """Token features D, the paper's ``hid_T``: 256 for TaxiBJ, 512 for Moving MNIST."""
    depth: Count = 8
    """Number of blocks, the paper's ``N_T``."""
    kernel: Annotated[int, Field(ge=3)] = 21
    """Size of the attention's kernel, an odd multiple of 3: a depth-wise 5×5 and a dilated one of a third of it."""
    mlp_ratio: Count = 8
    """Width of the MLP ÷ D."""
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Chance that a window skips a branch of the last block in training, rising from 0.01 in the first; TaxiBJ: 0.1."""
    norm: Literal["batch", "group"] = "batch"
    """``batch`` as published, with running statistics that all tasks share; ``group`` normalises each window alone."""
