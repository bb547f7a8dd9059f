"""The spec of a run, as a user writes it."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import AfterValidator, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from unistd.core.training.settings import TrainingSettings
from unistd.registry.component import Config, Kind, TaskConfig, UserPath
from unistd.registry.slot import Choice, Slot

_TASK_NAME = "^[a-z0-9][a-z0-9_-]*$"


_TASKS = Field(min_length=1, json_schema_extra={"propertyNames": {"pattern": _TASK_NAME}})


def _task_name(name: str) -> str:
    if not re.fullmatch(_TASK_NAME, name):
        template = "must be lower-case letters, digits, '-' and '_', got '{name}'"
        raise PydanticCustomError("task_name", template, {"name": name})
    return name


TaskName = Annotated[str, AfterValidator(_task_name)]
"""A name of the user's choice."""


class PluginsSpec(Config):
    """Plug-ins the spec cannot do without."""

    require: tuple[str, ...] = ()
    """Requirements such as ``unistd-h36m>=0.2``, checked before everything else."""

    @field_validator("require")
    @classmethod
    def _parse(cls, require: tuple[str, ...]) -> tuple[str, ...]:
        for text in require:
            try:
                Requirement(text)
            except InvalidRequirement as error:
                template = "must hold requirements such as 'unistd-rain>=0.2', got '{text}'"
                raise PydanticCustomError("requirement", template, {"text": text}) from error
        return require


class ModelSpec(Config):
    """The parts all tasks share."""

    backbone: Annotated[Choice, Slot("backbone")]
    """The trunk."""
    adapter: Annotated[Choice, Slot("adapter", "ra-moe")] = Choice("ra-moe")
    """What learns beside the trunk's linear maps; ``none`` for nothing."""
    router: Annotated[Choice, Slot("router", "softmax")] = Choice("softmax")
    """How an adapter's experts are weighted."""
    temporal: Annotated[Choice, Slot("temporal", "zero-mlp")] = Choice("zero-mlp")
    """The temporal module of each block; ``none`` for nothing."""


class Extension(Config):
    """What a run took over from another one, to which it adds tasks; ``unistd extend`` writes it."""

    run: UserPath
    """Folder of the run that was extended."""
    checkpoint: Literal["best", "last"] = "best"
    """Which of its weights were taken over."""
    weights: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of all of them."""
    tasks: Annotated[tuple[TaskName, ...], Field(min_length=1)]
    """The tasks it had."""
    replay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the steps that go on drawing these tasks, so that they are not forgotten; none freezes all that was
    taken over."""
    adapter: Annotated[Choice, Slot("adapter", "none")] = Choice("none")
    """Adapters of fixed rank that the tasks added here, and no others, go through as well."""


class Spec(Config):
    """What every spec says."""

    version: Literal[1] = 1
    """Version of the spec format."""
    name: Annotated[str, StringConstraints(min_length=1)]
    """The run's name in logs and reports."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of everything random but a trunk without pre-trained weights, which has its own."""
    plugins: PluginsSpec = PluginsSpec.model_construct()
    """Plug-ins the spec cannot do without."""

    def dump(self) -> dict[str, Any]:
        """Return the resolved spec as plain data, ``kind`` beside options; ``load_resolved`` turns it back."""
        return self.model_dump(mode="json")

    @abstractmethod
    def choices(self) -> Iterator[tuple[Kind, Choice]]:
        """Give every component the spec uses, with its kind."""


class RunSpec(Spec):
    """One joint run: a model, its tasks, and how they are trained."""

    model: ModelSpec
    """The shared parts."""
    tasks: Annotated[dict[TaskName, Annotated[Choice, Slot("task")]], _TASKS]
    """The tasks by names of the user's choice."""
    training: TrainingSettings = TrainingSettings.model_construct()
    """The joint training run."""
    observers: tuple[Annotated[Choice, Slot("observer")], ...] = ()
    """Who watches the training, such as ``tensorboard``; installed plug-ins with hooks of their own do in any case."""
    extends: tuple[Extension, ...] = ()
    """The runs this one goes back to, the first one first."""
    output: UserPath
    """The run's folder."""

    @property
    def added(self) -> tuple[str, ...]:
        """Return the tasks this run adds to the one it extends; all of them where it extends none."""
        held = self.extends[-1].tasks if self.extends else ()
        return tuple(name for name in self.tasks if name not in held)

    @property
    def learning(self) -> tuple[str, ...]:
        """Return the tasks that are drawn in training: those added, where what others need is frozen."""
        frozen = bool(self.extends) and self.extends[-1].replay is None
        return self.added if frozen else tuple(self.tasks)

    def dump(self) -> dict[str, Any]:
        """Return the resolved spec as plain data; a run that extends none says nothing of it."""
        data = super().dump()
        return data if self.extends else {key: value for key, value in data.items() if key != "extends"}

    def choices(self) -> Iterator[tuple[Kind, Choice]]:
        """Give every component the run is made of, with its kind; observers only watch it."""
        parts = self.model
        yield from (("backbone", parts.backbone), ("adapter", parts.adapter), ("router", parts.router))
        yield "temporal", parts.temporal
        yield from (("adapter", extension.adapter) for extension in self.extends)
        for choice in self.tasks.values():
            config = cast(TaskConfig, choice.config)
            yield "task", choice
            yield "head", config.head
            yield from (("metric", metric) for metric in config.metrics)
