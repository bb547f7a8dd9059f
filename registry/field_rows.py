"""Every key of a spec, or of a component's options, those inside other keys included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from unistd.core.markdown import inline_yaml, prose
from unistd.registry.option_rows import type_words
from unistd.registry.schema import SpecSchema

REQUIRED = "**must be given**"


@dataclass(frozen=True)
class FieldRow:
    """One key as a page shows it.

    Attributes:
        key: Dotted, as after ``-o``; ``NAME`` stands for a name of the user's choice.
        type: What it takes, in words.
        default: As a spec would say it; empty where the keys inside have the defaults.
        description: Its documentation.
        kinds: Under which ``kind`` of its mapping it is known; empty for all.
    """

    key: str
    type: str
    default: str
    description: str
    kinds: tuple[str, ...] = ()


def field_rows(model: type[BaseModel], prefix: str = "") -> list[FieldRow]:
    """Return the rows of all keys of ``model``, each after the mapping it stands in."""
    schema = model.model_json_schema(schema_generator=SpecSchema)
    return list(_Walk(schema.get("$defs", {})).rows(schema, prefix, {}))


class _Walk:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = dict(definitions)

    def rows(self, schema: Mapping[str, Any], prefix: str, defaults: Mapping[str, Any]) -> Iterator[FieldRow]:
        for name, own in schema.get("properties", {}).items():
            default = defaults.get(name, own.get("default"))
            inner = self._inner(own)
            required = name in schema.get("required", [])
            yield FieldRow(
                prefix + name,
                type_words(own, self._definitions),
                REQUIRED if required else _default(default, nested=bool(inner)),
                self._description(own, inner),
            )
            between = "NAME." if isinstance(self._resolved(own).get("additionalProperties"), dict) else ""
            yield from self._joined(inner, f"{prefix}{name}.{between}", default if isinstance(default, dict) else {})

    def _joined(self, inner: list[Mapping[str, Any]], prefix: str, defaults: Mapping[str, Any]) -> Iterator[FieldRow]:
        """Give the keys of what a value may be; of several kinds, each key once with the kinds that know it."""
        kinds: dict[FieldRow, list[str]] = {}
        for model in inner:
            kind = _kind(model)
            known = defaults if not kind or kind == defaults.get("kind") else {}
            for row in self.rows(model, prefix, known):
                if row.key != f"{prefix}kind":
                    kinds.setdefault(row, []).append(kind)
        for row, names in kinds.items():
            only = tuple(names) if len(names) < len(inner) else ()
            yield FieldRow(row.key, row.type, row.default, row.description, row.kinds or only)

    def _inner(self, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return the mappings with keys of their own that a value may be."""
        schema = self._resolved(schema)
        if "properties" in schema:
            return [schema]
        options = schema.get("anyOf") or schema.get("oneOf") or [schema.get("additionalProperties")]
        return [inner for option in options if isinstance(option, dict) for inner in self._inner(option)]

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        name = schema.get("$ref", "").rpartition("/")[2]
        return self._definitions[name] if name else schema

    def _description(self, own: Mapping[str, Any], inner: list[Mapping[str, Any]]) -> str:
        said = [own.get("description") or self._resolved(own).get("description", "")]
        said += [f"``{_kind(model)}``: {model.get('description', '')}" for model in inner if _kind(model)]
        return prose(" ".join(said))


def _kind(schema: Mapping[str, Any]) -> str:
    kind: str = schema.get("properties", {}).get("kind", {}).get("const", "")
    return kind


def _default(value: Any, *, nested: bool) -> str:
    if value in (None, ""):
        return ""
    if isinstance(value, dict) and "kind" in value:
        return f"`{value['kind']}`"
    if isinstance(value, dict) and nested:
        return ""
    return f"`{inline_yaml(value)}`"
