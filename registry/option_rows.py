"""The options of a component in words: type, default and what they do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from unistd.registry.component import Component


def option_rows(component: Component, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return name, type, default and description of the options ``names`` of ``component``, as JSON."""
    schema = component.config.model_json_schema()
    rows = []
    for name in names:
        field = component.config.model_fields[name]
        own = schema["properties"][name]
        rows.append(
            {
                "name": name,
                "type": _type(own, schema.get("$defs", {})),
                "required": field.is_required(),
                "default": own.get("default"),
                "description": field.description or "",
            }
        )
    return rows


_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Say in words what a JSON Schema accepts."""
    if "$ref" in schema:
        return _type(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return " or ".join(_type(option, definitions) for option in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " or ".join(f"'{value}'" for value in schema.get("enum", [schema.get("const")]))
    if "items" in schema:
        return f"list of {_type(schema['items'], definitions)}"
    name = schema.get("format") or schema.get("type", "anything")
    bounds = [f"{sign} {schema[key]}" for key, sign in _BOUNDS.items() if key in schema]
    return " ".join([name, *bounds])
