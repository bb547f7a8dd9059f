"""The text below a field, read when somebody asks for it.

pydantic's ``use_attribute_docstrings`` reads and parses the source of every class while it is imported, which took a
third of the time of a command that shows none of it.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


def field_docs(model: type[BaseModel]) -> Mapping[str, str]:
    """Return the documentation of each field of ``model`` that has one, by name."""
    found: dict[str, str] = {}
    for own in reversed(model.__mro__):
        if issubclass(own, BaseModel) and own is not BaseModel:
            found |= _below_fields(own)
    given = {name: field.description for name, field in model.model_fields.items() if field.description}
    return {name: text for name, text in (found | given).items() if name in model.model_fields}


@cache
def _below_fields(model: type[BaseModel]) -> dict[str, str]:
    try:
        body = ast.parse(dedent(inspect.getsource(model))).body[0]
    except (OSError, TypeError, SyntaxError):  # made by a program, or in a session without files
        return {}
    found = {}
    lines = body.body if isinstance(body, ast.ClassDef) else []
    for field, text in pairwise(lines):
        match field, text:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(value=str(said))):
                found[name] = inspect.cleandoc(said)
    return found


class DocumentedSchema(GenerateJsonSchema):
    """Gives every field of a model its documentation."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Describe a model, and each of its fields."""
        made: dict[str, Any] = super().model_schema(schema)
        docs = field_docs(schema["cls"])
        for name, own in made.get("properties", {}).items():
            if name in docs:
                own.setdefault("description", docs[name])
        return made
