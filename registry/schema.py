"""JSON Schema of a spec with everything installed, for editors."""

from __future__ import annotations

from typing import Any

from pydantic import PydanticInvalidForJsonSchema, PydanticUndefinedAnnotation, PydanticUserError

from unistd.core.field_docs import DocumentedSchema
from unistd.core.importing.card import ImportCard
from unistd.registry.component import KINDS, Component, Config, Kind
from unistd.registry.registry import Registry
from unistd.registry.run_spec import RunSpec, Spec
from unistd.registry.slot import MARKER

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(registry: Registry, spec: type[Spec] = RunSpec) -> dict[str, Any]:
    """Return a schema that accepts what is read as a ``spec``, with every component's options documented."""
    schema = spec.model_json_schema(schema_generator=SpecSchema)
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    for kind in KINDS:
        offers = sorted(registry.spellings(kind), key=lambda offer: offer[1])
        for component, names in offers:
            definitions |= _definitions(component, names)
        definitions[f"slot.{kind}"] = _slot(kind, offers)
    return {"$schema": DIALECT, **_link(schema)}


def card_schema() -> dict[str, Any]:
    """Return a schema that accepts what is read as an import card."""
    return {"$schema": DIALECT, **ImportCard.model_json_schema(schema_generator=DocumentedSchema)}


class SpecSchema(DocumentedSchema):
    """Shows a default component by its name."""

    def encode_default(self, dft: Any) -> Any:
        """Return a default as a spec would hold it."""
        return _names(super().encode_default(dft))


def _names(default: Any) -> Any:
    match default:
        case {"kind": name, "config": None}:
            return name
        case list():
            return [_names(item) for item in default]
        case dict():
            return {key: _names(value) for key, value in default.items()}
    return default


def _slot(kind: Kind, offers: list[tuple[Component, list[str]]]) -> dict[str, Any]:
    bare = [name for component, names in offers if component.has_defaults for name in names]
    options: list[dict[str, Any]] = [{"$ref": f"#/$defs/{_anchor(kind, names[0])}"} for _, names in offers]
    return {"oneOf": [{"enum": bare, "description": f"A {kind} with its defaults."}, *options]}


def _definitions(component: Component, names: list[str]) -> dict[str, Any]:
    """Return a component's schema with its ``kind``, and the schemas it refers to, all under names of their own."""
    anchor = _anchor(component.kind, names[0])
    own = _options(component.config, anchor)
    inner = own.pop("$defs", {})
    own["properties"] = {"kind": {"enum": names}, **own.get("properties", {})}
    own["required"] = ["kind", *own.get("required", [])]
    own |= {"title": f"{component.kind} {names[0]}", "description": component.summary}
    return {anchor: own, **{f"{anchor}.{key}": value for key, value in inner.items()}}


def _options(config: type[Config], anchor: str) -> dict[str, Any]:
    """Return the schema of a config; one that has none is left open, so that it takes nothing from the others."""
    try:
        return config.model_json_schema(ref_template=f"#/$defs/{anchor}.{{model}}", schema_generator=SpecSchema)
    except (PydanticInvalidForJsonSchema, PydanticUserError, PydanticUndefinedAnnotation):
        return {"type": "object"}


def _anchor(kind: Kind, name: str) -> str:
    return f"{kind}.{name.replace('/', '.')}"


def _link(schema: Any) -> Any:
    """Replace every slot's mark by a reference to what can stand there."""
    if isinstance(schema, list):
        return [_link(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    linked = {key: _link(value) for key, value in schema.items() if key != MARKER}
    return {"$ref": f"#/$defs/slot.{schema[MARKER]}", **linked} if MARKER in schema else linked
