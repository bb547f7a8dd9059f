from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, create_model

from unistd.core.field_docs import DocumentedSchema, field_docs
from unistd.core.settings import Settings
from unistd.core.training.settings import CheckpointSettings, TrainingSettings


class Base(Settings):
    """Options."""

    first: int = 1
    """Said of
    the first.
    """
    silent: int = 2


class Own(Base):
    model_config = ConfigDict(ignored_types=(str,))

    first: Annotated[int, Field(ge=0)] = 3
    told: Annotated[int, Field(description="Told by the field.")] = 4
    inner: CheckpointSettings = CheckpointSettings()
    """What it holds."""
    count: int = 5
    not_a_field = "text"
    """Said of no field."""


def test_docs_are_those_below_the_fields_and_of_the_bases():
    assert field_docs(Own) == {"first": "Said of\nthe first.", "told": "Told by the field.", "inner": "What it holds."}


def test_a_class_of_a_function_has_docs_and_one_without_source_has_none():
    class Local(Base):
        other: int = 1
        """Local."""

    assert field_docs(Local) == {"first": "Said of\nthe first.", "other": "Local."}
    assert field_docs(create_model("Made", x=(int, 1))) == {}


def test_the_schema_documents_fields_of_models_at_any_depth():
    schema = Own.model_json_schema(schema_generator=DocumentedSchema)
    assert schema["properties"]["first"]["description"] == "Said of\nthe first."
    assert "description" not in schema["properties"]["silent"]
    assert schema["properties"]["inner"]["description"] == "What it holds."
    inner = schema["$defs"]["CheckpointSettings"]["properties"]
    assert inner["every"]["description"].startswith("Steps between checkpoints")


def test_every_field_of_a_training_is_documented():
    assert field_docs(TrainingSettings).keys() == TrainingSettings.model_fields.keys()
