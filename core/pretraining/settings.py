"""How a trunk is pre-trained: the ``objective`` and ``training`` sections of a spec. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from unistd.core.settings import Settings, Steps
from unistd.core.training.settings import AdamW, FittingSettings, Sampling, Uniform, with_kind


class DecoderSettings(Settings):
    """The small transformer that reconstructs; it is thrown away."""

    width: Annotated[int, Field(ge=32, multiple_of=32)] = 96
    """Token features; a head of attention has 32 of them."""
    depth: Steps = 1
    """Number of blocks."""


class Masked(Settings):
    """Hide most patches of a frame and reconstruct them from the others (MAE, arXiv 2111.06377)."""

    kind: Literal["masked"] = "masked"
    share: Annotated[float, Field(gt=0, lt=1)] = 0.75
    """Share of the patches that is hidden; the trunk sees the rest only."""
    decoder: DecoderSettings = DecoderSettings.model_construct()
    """What reconstructs."""


class Labels(Settings):
    """Tell which folder an image comes from."""

    kind: Literal["labels"] = "labels"


ObjectiveSettings = Annotated[Masked | Labels, Field(discriminator="kind"), BeforeValidator(with_kind("masked"))]


class PretrainingSettings(FittingSettings):
    """One pre-training run."""

    steps: Steps = 1000
    """Optimisation steps; each is one batch of one source."""
    batch: Steps = 16
    """Frames in a batch; a source may set its own."""
    sampling: Sampling = Uniform.model_construct()
    """Which source a step draws; sizes are numbers of frames."""
    optimizer: AdamW = AdamW.model_construct(lr=0.001)
    """The optimiser of trunk, embeddings and decoder."""
    held_out: Steps = 128
    """Most validation frames of a source that are scored, spread evenly over all it has."""
