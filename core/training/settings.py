"""How a run trains: the ``training`` section of a spec, usable from Python as it is. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from unistd.core.settings import Positive, Settings, Steps


def with_kind(default: str) -> Callable[[Any], Any]:
    """Return a validator: options without a ``kind`` are those of the default one."""

    def fill(value: Any) -> Any:
        return {"kind": default, **value} if isinstance(value, dict) else value

    return fill


class Proportional(Settings):
    """Draw tasks in proportion to their number of training windows."""

    kind: Literal["proportional"] = "proportional"


class Uniform(Settings):
    """Draw all tasks equally often."""

    kind: Literal["uniform"] = "uniform"


class Temperature(Settings):
    """Draw tasks in proportion to size ** (1 / tau): 1 is proportional, large is uniform."""

    kind: Literal["temperature"] = "temperature"
    tau: Positive = 2.0
    """Temperature between proportional (1) and uniform (large)."""


Sampling = Annotated[
    Proportional | Uniform | Temperature, Field(discriminator="kind"), BeforeValidator(with_kind("proportional"))
]


class AdamW(Settings):
    """AdamW; biases, norms and other vectors are not decayed."""

    kind: Literal["adamw"] = "adamw"
    lr: Positive = 0.003
    """Learning rate at the top of the schedule."""
    trunk: Positive = 1.0
    """Learning rate of what learns in the trunk ÷ ``lr``: adapters, routers, temporal modules, a trunk not frozen."""
    decay: Annotated[float, Field(ge=0)] = 0.05
    """Weight decay."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.999)
    """Decay of the running mean and of the running square of the gradient."""
    clip: Positive | None = 1.0
    """Largest norm of the whole gradient; none for no clipping."""


class Cosine(Settings):
    """Linear warm-up, then half a cosine down to ``floor``; a pure function of the step."""

    kind: Literal["cosine"] = "cosine"
    warmup: Annotated[int, Field(ge=0)] = 0
    """Steps of linear warm-up."""
    floor: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Last learning rate as a share of the top."""


class Constant(Settings):
    """Linear warm-up, then the same learning rate to the end."""

    kind: Literal["constant"] = "constant"
    warmup: Annotated[int, Field(ge=0)] = 0
    """Steps of linear warm-up."""


Schedule = Annotated[Cosine | Constant, Field(discriminator="kind"), BeforeValidator(with_kind("cosine"))]


class CheckpointSettings(Settings):
    """When the state of a run is written, and how much of it is kept."""

    every: Steps = 500
    """Steps between checkpoints; the validation split is scored at each."""
    keep: Steps = 2
    """How many of the newest checkpoints stay; the best one stays besides."""


class FittingSettings(Settings):
    """What joint training and pre-training have in common."""

    steps: Steps = 1000
    """Optimisation steps; each is one batch of one task."""
    batch: Steps = 16
    """Windows in a batch, over all processes together; a task may set its own."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of the forward pass; weights stay fp32."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Threads that read batches ahead of the training thread."""
    cache: Literal["auto", "never"] = "auto"
    """Keep a store's frames in memory when they fit into half of what is free; ``never`` reads every batch from
    disk.
    """
    sampling: Sampling = Proportional.model_construct()
    """Which task a step draws."""
    optimizer: AdamW = AdamW.model_construct()
    """The optimiser of everything that learns."""
    schedule: Schedule = Cosine.model_construct()
    """The learning rate over the steps."""
    checkpoint: CheckpointSettings = CheckpointSettings.model_construct()
    """Checkpoints and validation."""
    log_every: Steps = 10
    """Steps between rows of ``log.jsonl``."""
    nonfinite: Literal["stop", "skip"] = "stop"
    """What becomes of a run whose loss or gradient is not finite; the step itself changes no weight either way.
    ``skip`` goes on, up to ten such steps in a row.
    """
    diverged: Positive = 1000.0
    """Mean training loss of a task since the last row of the log from which on the run stops; a forecast of the mean
    has about 1.
    """


class TrainingSettings(FittingSettings):
    """One joint training run."""

    compare: Steps = 100
    """Steps between comparisons of the weights of all processes, bit by bit; a difference stops the run. A single
    process has nothing to compare.
    """
    accumulate: Steps = 1
    """Parts a batch is worked through in, one after another, whose gradients are added up: less memory, the same step
    but for rounding (and statistics of batch norms, which see one part at a time).
    """
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of the moving average of the weights; with it, validation, evaluation, forecasts and export use the
    averaged weights.
    """
