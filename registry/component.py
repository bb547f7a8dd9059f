"""What a plug-in declares: light data, no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PydanticUndefinedAnnotation,
    PydanticUserError,
    field_validator,
)
from pydantic_core import PydanticCustomError

from unistd.registry.errors import PluginError
from unistd.registry.slot import Choice, Slot

Kind = Literal["backbone", "adapter", "router", "temporal", "head", "task", "metric", "observer"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PLUGIN_API = 1


UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
"""A path as users write it, ``~`` for their home included."""


class Config(BaseModel):
    """Base of every component's options; the fields are the keyword arguments of the component's target.

    A field that is a model itself takes ``model_construct`` for its default: a command that only lists options then
    builds no validator.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, defer_build=True)

    def without_download(self) -> Self:
        """Return options that build the same module with first weights; one that fetches weights overrides this."""
        return self


class WindowConfig(Config):
    """How many frames are seen and forecast."""

    past: Annotated[int, Field(ge=1)]
    """Input frames T."""
    future: Annotated[int, Field(ge=1)]
    """Forecast frames T'."""


Metrics = tuple[Annotated[Choice, Slot("metric")], ...]
"""Scores of a forecast, as a task's options name them."""


class TaskConfig(Config):
    """What every task of a spec can say; a task's own options are added by its subclass."""

    window: WindowConfig | None = None
    """Frames seen and forecast; the task's own protocol by default."""
    head: Annotated[Choice, Slot("head", "conv")] = Choice("conv")
    """The task's way into the trunk and out of it."""
    metrics: Metrics = (
        Choice(kind="mse"),
        Choice(kind="mae"),
        Choice(kind="rmse"),
    )
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them. One metric may be given
    several times with options that differ."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Multiplies the task's share of the training steps."""
    batch: Annotated[int, Field(ge=1)] | None = None
    """Windows in a batch of this task; ``training.batch`` by default."""
    store: UserPath | None = None
    """Folder of the converted frames; by default one in the cache folder, named by the task and its options."""

    @field_validator("metrics")
    @classmethod
    def _unique(cls, metrics: tuple[Choice, ...]) -> tuple[Choice, ...]:
        asked = [(choice.kind.rpartition("/")[2], choice.config) for choice in metrics]
        for each in asked:
            if asked.count(each) > 1:
                raise PydanticCustomError("twice", "must be different, got '{name}' twice", {"name": each[0]})
        return metrics


COMPOSER_FIELDS = frozenset(TaskConfig.model_fields)
"""Fields of a task's config that the composer uses; the rest are keyword arguments of the task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One thing a plug-in offers.

    Attributes:
        kind: Which slot of a spec it fits.
        name: Lower-case words joined by hyphens; the spec's ``kind:``.
        config: Its options; importable without torch.
        target: ``module:callable`` that builds it, imported only then; called with the options as keywords.
        summary: One line for listings, schema and docs.
        requires: Requirements such as ``h5py>=3.8``, checked before the import so that the hint is exact.
    """

    kind: Kind
    name: str
    config: type[Config]
    target: str
    summary: str
    requires: tuple[str, ...] = ()

    @property
    def has_defaults(self) -> bool:
        """Whether no option has to be given, so that the bare name is enough."""
        return not any(field.is_required() for field in self.config.model_fields.values())

    def read(self, options: Any, context: dict[str, Any] | None) -> Config:
        """Return ``options`` as a config.

        Raises:
            ValidationError: They are not valid.
            PluginError: As ``check_options``.
        """
        self.check_options()
        return self.config.model_validate(options, context=context)

    def check_options(self) -> None:
        """Let pydantic build what validates the config, which takes too long to do for all that is declared.

        Raises:
            PluginError: The config has a field that nothing can validate.
        """
        try:
            self.config.model_rebuild()
        except (PydanticUserError, PydanticUndefinedAnnotation) as error:
            what = f"{self.kind} '{self.name}' has options that cannot be read: {str(error).splitlines()[0]}"
            where = f"{self.config.__module__}.{self.config.__qualname__}"
            raise PluginError(what, where=where, help="pydantic has to know the type of every field") from error

    def options(self, config: BaseModel) -> dict[str, Any]:
        """Return the keyword arguments of ``target`` that ``config`` holds.

        A field of the composer is the task's as well where the task cannot do without it.
        """
        skip = COMPOSER_FIELDS if isinstance(config, TaskConfig) else frozenset()
        fields = type(config).model_fields.items()
        return {name: getattr(config, name) for name, field in fields if name not in skip or field.is_required()}


_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def check_declaration(component: Any) -> str:
    """Return what is wrong with a declaration, or an empty string."""
    if not isinstance(component, Component):
        return f"'{component!r}' is not a Component"
    who = f"{component.kind} '{component.name}'"
    if component.kind not in KINDS:
        return f"'{component.name}' is of unknown kind '{component.kind}'; kinds: {', '.join(KINDS)}"
    if not _NAME.fullmatch(component.name):
        return f"{who} must be named by lower-case words joined by hyphens"
    if not _TARGET.fullmatch(component.target):
        return f"{who} has target '{component.target}', which is not 'module:callable'"
    if not component.summary or "\n" in component.summary:
        return f"{who} needs a summary of one line"
    base = TaskConfig if component.kind == "task" else Config
    config: Any = component.config
    if not (isinstance(config, type) and issubclass(config, base)):
        return f"{who} has a config that is no subclass of {base.__name__}"
    if "kind" in config.model_fields:
        return f"{who} has an option named 'kind', which is the key of its own name"
    return _bad_requirement(who, component.requires)


def _bad_requirement(who: str, requires: Iterable[str]) -> str:
    for text in requires:
        try:
            Requirement(text)
        except InvalidRequirement as error:
            return f"{who} has requirement '{text}', which is no valid one: {str(error).splitlines()[0]}"
    return ""
