"""The place in a spec where a component is chosen by ``kind:``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, GetCoreSchemaHandler, SerializationInfo, ValidationError, ValidationInfo
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from unistd.core.errors import UsageError

if TYPE_CHECKING:
    from unistd.registry.component import Kind
    from unistd.registry.registry import Registry

MARKER = "x-unistd-kind"
"""Stands in a field's JSON Schema where the schemas of all components of a kind belong."""


@dataclass(frozen=True)
class Choice:
    """A component chosen by name; ``config``, its validated options, is ``None`` until the registry resolves it."""

    kind: str
    config: BaseModel | None = None


@dataclass(frozen=True)
class Slot:
    """Marks a field that holds a component of ``kind``; validates through the registry in the validation context.

    A mapping holds ``kind`` beside the component's options; a bare name is the component with its defaults. Options
    without a ``kind`` are those of ``default``, where the field has one.
    """

    kind: Kind
    default: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        dump = core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True)
        return core_schema.with_info_plain_validator_function(self.resolve, serialization=dump)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        del schema, handler
        return {MARKER: self.kind}

    def resolve(self, value: Any, info: ValidationInfo) -> Choice:
        """Validate ``value`` against the component it names; without a registry only a ready ``Choice`` is accepted."""
        registry: Registry | None = (info.context or {}).get("registry")
        if isinstance(value, Choice) and (registry is None or value.config is not None):
            return value
        if registry is None:
            raise PydanticCustomError("no_registry", "needs a validation context with 'registry'")
        name, options = self._parse(value, registry)
        try:
            component = registry.find(self.kind, name)
        except UsageError as error:
            kind = PydanticCustomError("component", "{message}", {"message": error.message, "help": error.help})
            details = InitErrorDetails(type=kind, loc=("kind",), input=name)
            raise ValidationError.from_exception_data("Slot", [details]) from error
        return Choice(name, component.read(options, info.context))

    def _parse(self, value: Any, registry: Registry) -> tuple[str, dict[str, Any]]:
        if isinstance(value, Choice):
            return value.kind, {}
        if isinstance(value, str):
            return value, {}
        if isinstance(value, dict) and self.default:
            value = {"kind": self.default, **value}
        if isinstance(value, dict) and isinstance(value.get("kind"), str):
            return value["kind"], {key: option for key, option in value.items() if key != "kind"}
        wanted = "have a name as 'kind'" if isinstance(value, dict) else "be a name, or a mapping with a name as 'kind'"
        context = {"help": f"installed: {', '.join(registry.names(self.kind)) or 'none'}"}
        raise PydanticCustomError("slot", f"must {wanted}", context)


def _dump(choice: Choice, info: SerializationInfo) -> dict[str, Any]:
    return {"kind": choice.kind, **(choice.config.model_dump(mode=info.mode) if choice.config else {})}
