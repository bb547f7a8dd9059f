"""The options of a component, and the fields of a spec, in words: type, default and what they do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from unistd.core.field_docs import DocumentedSchema
from unistd.registry.component import Component
from unistd.registry.slot import MARKER


def option_rows(component: Component, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return name, type, default and description of the options ``names`` of ``component``, as JSON."""
    schema = component.config.model_json_schema(schema_generator=DocumentedSchema)
    rows = []
    for name in names:
        field = component.config.model_fields[name]
        own = schema["properties"][name]
        rows.append(
            {
                "name": name,
                "type": type_words(own, schema.get("$defs", {})),
                "required": field.is_required(),
                "default": own.get("default"),
                "description": own.get("description", ""),
            }
        )
    return rows


_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def type_words(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Say in words what a JSON Schema accepts; of a slot, the kind of component."""
    if "$ref" in schema:
        return type_words(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if MARKER in schema:
        return str(schema[MARKER])
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(type_words(option, definitions) for option in options)
    if "enum" in schema or "const" in schema:
        return " or ".join(map(_quoted, schema.get("enum", [schema.get("const")])))
    if items := schema.get("prefixItems"):
        words = dict.fromkeys(type_words(item, definitions) for item in items)
        return f"list of {len(items)}: {', '.join(words)}"
    if "items" in schema:
        return f"list of {type_words(schema['items'], definitions)}"
    if "kind" in schema.get("properties", {}):
        return type_words(schema["properties"]["kind"], definitions)
    if values := schema.get("additionalProperties"):
        return f"mapping of names to {type_words(values, definitions)}"
    name = schema.get("format") or schema.get("type", "anything")
    bounds = [f"{sign} {_short(schema[key])}" for key, sign in _BOUNDS.items() if key in schema]
    return " ".join(["mapping" if name == "object" else name, *bounds])


def _quoted(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def _short(bound: float) -> str:
    return "2^63" if bound == 2**63 else str(bound)
