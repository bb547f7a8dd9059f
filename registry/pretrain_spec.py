"""The spec of a pre-training run, as a user writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from unistd.core.pretraining.settings import Labels, Masked, ObjectiveSettings, PretrainingSettings
from unistd.registry.component import COMPOSER_FIELDS, Config, Kind, UserPath
from unistd.registry.run_spec import Spec, TaskName
from unistd.registry.slot import Choice, Slot

Pixels = Annotated[int, Field(ge=1)]
SIZE = 224
FORECASTING = COMPOSER_FIELDS - {"store"}
"""What a task of a joint run can say and has no effect on its frames."""


class FramesSpec(Config):
    """One source of frames: those of a task's store, or a folder of images."""

    task: Annotated[Choice, Slot("task")] | None = None
    """The task whose training frames are learnt from; its validation frames choose the best weights."""
    images: UserPath | None = None
    """Folder of pictures, ``<folder>/<label>/<file>`` or without labels; a tenth of them is held out."""
    patch: Pixels
    """Pixels along each side of a token."""
    crop: Pixels | None = None
    """Pixels along each side of a random part of a task's frame; whole frames by default."""
    size: Pixels | None = None
    """Pixels along each side of an image, as which its shorter side is read and a square cut out. 224 by default."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Multiplies the source's share of the steps."""
    batch: Annotated[int, Field(ge=1)] | None = None
    """Frames in a batch of this source; ``training.batch`` by default."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.task is None) == (self.images is None):
            raise PydanticCustomError("frames", "must have either 'task' or 'images'", {"help": "one source each"})
        idle, other = ("size", "images") if self.task else ("crop", "task")
        if getattr(self, idle) is not None:
            raise _at((idle,), f"has no effect without '{other}'", "leave it out")
        given = self.task.config.model_fields_set & FORECASTING if self.task and self.task.config else set()
        if given:
            raise _at(
                ("task", min(given)),
                "has no effect in pre-training",
                "leave it out; 'weight' and 'batch' stand beside 'task'",
            )
        return self

    @property
    def side(self) -> int:
        """Return the pixels along each side of an image."""
        return self.size or SIZE


class PretrainSpec(Spec):
    """One pre-training run: a trunk, the frames it learns from, and by what."""

    backbone: Annotated[Choice, Slot("backbone")]
    """The trunk, with ``freeze: false``."""
    objective: ObjectiveSettings = Masked.model_construct()
    """What it learns by."""
    frames: Annotated[dict[TaskName, FramesSpec], Field(min_length=1)]
    """Sources of frames by names of the user's choice; each has its own way into the trunk and out of it."""
    training: PretrainingSettings = PretrainingSettings.model_construct()
    """The pre-training run."""
    output: UserPath
    """The run's folder."""

    @field_validator("backbone")
    @classmethod
    def _learns(cls, backbone: Choice) -> Choice:
        if getattr(backbone.config, "freeze", False):
            raise _at(("freeze",), "must be false in pre-training, got 'true'", "backbone: {…, freeze: false}")
        if not hasattr(backbone.config, "pretrained"):
            message = f"must take 'pretrained' weights to be of use, got '{backbone.kind}'"
            raise _at(("kind",), message, "a vision transformer, such as timm-vit")
        return backbone

    @model_validator(mode="after")
    def _labelled(self) -> Self:
        for name, source in self.frames.items():
            if isinstance(self.objective, Labels) and source.task:
                help_ = "take 'images' with label folders, or objective: {kind: masked}"
                raise _at(("frames", name, "task"), "has no labels to learn", help_)
        return self

    def dump(self) -> dict[str, Any]:
        """Return the resolved spec as plain data, without what a task says of forecasting."""
        data = super().dump()
        for source in data["frames"].values():
            if source["task"]:
                source["task"] = {key: value for key, value in source["task"].items() if key not in FORECASTING}
        return data

    def choices(self) -> Iterator[tuple[Kind, Choice]]:
        """Give every component the spec uses, with its kind."""
        yield "backbone", self.backbone
        for source in self.frames.values():
            if source.task:
                yield "task", source.task

    @property
    def weights(self) -> Path:
        """Return the file the trunk's weights are written to."""
        return self.output / "trunk.safetensors"


def _at(place: tuple[str, ...], message: str, help: str) -> ValidationError:
    error = PydanticCustomError("pretraining", "{message}", {"message": message, "help": help})
    return ValidationError.from_exception_data("spec", [InitErrorDetails(type=error, loc=place, input=None)])
