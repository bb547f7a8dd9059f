import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, conlist, constr

from unistd.registry.wording import WORDING, nearest, show, wording


class Model(BaseModel):
    model_config = ConfigDict(from_attributes=False)


class FromAttributes(BaseModel):
    model_config = ConfigDict(from_attributes=True)


def refuse(value: Any) -> Any:
    raise ValueError("odd grids are not supported")


CASES = {
    "bool_parsing": (bool, "maybe", "must be true or false, got 'maybe'"),
    "bool_type": (bool, [], "must be true or false, got a list"),
    "dict_type": (dict[str, int], 3, "must be a mapping, got '3'"),
    "finite_number": (Annotated[float, Field(allow_inf_nan=False)], float("inf"), "must be a finite number, got 'inf'"),
    "float_parsing": (float, "x", "must be a number, got 'x'"),
    "float_type": (float, None, "must be a number, got nothing"),
    "greater_than": (Annotated[float, Field(gt=0)], 0, "must be greater than 0, got '0'"),
    "greater_than_equal": (Annotated[int, Field(ge=1)], 0, "must be at least 1, got '0'"),
    "int_from_float": (int, 2.5, "must be a whole number, got '2.5'"),
    "int_parsing": (int, "four", "must be a whole number, got 'four'"),
    "int_parsing_size": (int, "1" * 5000, f"must be a smaller whole number, got '{'1' * 57}...'"),
    "int_type": (int, {}, "must be a whole number, got a mapping"),
    "less_than": (Annotated[int, Field(lt=1)], 1, "must be less than 1, got '1'"),
    "less_than_equal": (Annotated[int, Field(le=1)], 2, "must be at most 1, got '2'"),
    "list_type": (list[int], "a", "must be a list, got 'a'"),
    "literal_error": (Literal["fp32", "bf16"], "fp16", "must be 'fp32' or 'bf16', got 'fp16'"),
    "model_type": (Model, True, "must be a mapping, got 'true'"),
    "model_attributes_type": (FromAttributes, 3, "must be a mapping, got '3'"),
    "multiple_of": (Annotated[int, Field(multiple_of=4)], 6, "must be a multiple of 4, got '6'"),
    "path_type": (Path, 3, "must be a path, got '3'"),
    "string_pattern_mismatch": (constr(pattern="^a+$"), "b", "must match '^a+$', got 'b'"),
    "string_too_long": (constr(max_length=1), "ab", "must have at most 1 characters, got 'ab'"),
    "string_too_short": (constr(min_length=1), "", "must have at least 1 characters, got ''"),
    "string_type": (str, 3, "must be text, got '3'"),
    "too_long": (conlist(int, max_length=1), [1, 2], "must hold at most 1 items, got 2"),
    "too_short": (conlist(int, min_length=1), [], "must hold at least 1, got 0"),
    "tuple_type": (tuple[int, ...], 3, "must be a list, got '3'"),
    "value_error": (Annotated[int, AfterValidator(refuse)], 1, "is not valid: odd grids are not supported"),
}


def first_error(annotation, value):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(annotation).validate_python(value)
    return caught.value.errors()[0]


def test_every_row_of_the_table_has_a_case():
    assert CASES.keys() == WORDING.keys()


@pytest.mark.parametrize("kind", CASES)
def test_each_error_is_said_in_our_words(kind):
    annotation, value, text = CASES[kind]
    error = first_error(annotation, value)
    assert error["type"] == kind
    assert wording(error) == text
    assert not re.search(r"Input|valid (integer|number|string)|\{", text)


def test_an_error_that_is_not_in_the_table_keeps_its_own_text():
    assert wording(first_error(bytes, 3)) == "input should be a valid bytes"


def test_long_values_are_cut():
    assert show("x" * 100) == f"'{'x' * 57}...'"


@pytest.mark.parametrize(
    ("name", "help_"), [("pst", "did you mean 'past'? keys: future, past"), ("zzz", "keys: future, past")]
)
def test_the_nearest_name_is_offered_only_when_near(name, help_):
    assert nearest(name, ["future", "past"], "keys") == help_
