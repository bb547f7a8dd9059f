"""Which model stands behind a place in a spec, so that an error can list its keys."""

from __future__ import annotations

from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from unistd.core.errors import UsageError
from unistd.core.field_docs import field_docs
from unistd.registry.reader import Keys, dotted
from unistd.registry.registry import Registry
from unistd.registry.slot import Slot


@dataclass(frozen=True)
class Holder:
    """The model behind a mapping of a spec, and what the mapping is called."""

    label: str
    model: type[BaseModel]
    has_kind: bool = False

    def keys(self) -> list[str]:
        """Return the keys the mapping may have."""
        names = set(self.model.model_fields) | ({"kind"} if self.has_kind else set())
        return sorted(names)

    def describe(self, key: object) -> str:
        """Return the documentation of one key."""
        return field_docs(self.model).get(str(key), "")


def holder(keys: Keys, data: Any, registry: Registry, spec: type[BaseModel], noun: str = "spec") -> Holder | None:
    """Return what the mapping under ``keys`` of a ``spec`` is an instance of; ``None`` where it cannot tell."""
    found = Holder(f"the {noun}", spec)
    annotation: Any = spec
    for depth, key in enumerate(keys, 1):
        annotation = _child(annotation, key)
        data = _get(data, key)
        settled = _settle(annotation, data, registry)
        if settled is None:
            return None
        label, annotation, has_kind = settled
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found = Holder(label or f"'{dotted(keys[:depth])}'", annotation, has_kind)
    return found


def _get(data: Any, key: str | int) -> Any:
    try:
        return data[key]
    except (KeyError, IndexError, TypeError):
        return None


def _child(annotation: Any, key: str | int) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(key))
        if field is None:
            return None
        return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    args = get_args(annotation)
    if get_origin(annotation) is dict:
        return args[1]
    if get_origin(annotation) in (list, tuple):
        fixed = isinstance(key, int) and Ellipsis not in args and key < len(args)
        return args[key if fixed else 0]  # type: ignore[index]
    return None


def _settle(annotation: Any, data: Any, registry: Registry) -> tuple[str, Any, bool] | None:
    """Follow ``annotation`` to the model it stands for with this data: its slot's name, itself, has it a kind."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        slot = next((mark for mark in metadata if isinstance(mark, Slot)), None)
        return _settle(inner, data, registry) if slot is None else _chosen(slot, data, registry)
    if get_origin(annotation) in (Union, UnionType):
        options = [_settle(option, data, registry) for option in get_args(annotation)]
        return next((option for option in options if option and _fits(option[1], data)), None)
    return None if annotation is None else ("", annotation, _tag(annotation) is not None)


def _chosen(slot: Slot, data: Any, registry: Registry) -> tuple[str, Any, bool] | None:
    name = data if isinstance(data, str) else _get(data, "kind")
    try:
        return f"{slot.kind} '{name}'", registry.find(slot.kind, str(name)).config, True
    except UsageError:
        return None


def _fits(annotation: Any, data: Any) -> bool:
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return annotation is not type(None)
    tag = _tag(annotation)
    return tag is None or tag == _get(data, "kind") or not isinstance(data, dict)


def _tag(annotation: Any) -> Any:
    """Return the literal ``kind`` of a settings class that is told from its neighbours by it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and "kind" in annotation.model_fields:
        return annotation.model_fields["kind"].default
    return None
