"""Says a validation error in our words; one table by pydantic's error type."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

WORDING = {
    "bool_parsing": "must be true or false, got {value}",
    "bool_type": "must be true or false, got {value}",
    "dict_type": "must be a mapping, got {value}",
    "finite_number": "must be a finite number, got {value}",
    "float_parsing": "must be a number, got {value}",
    "float_type": "must be a number, got {value}",
    "greater_than": "must be greater than {gt}, got {value}",
    "greater_than_equal": "must be at least {ge}, got {value}",
    "int_from_float": "must be a whole number, got {value}",
    "int_parsing": "must be a whole number, got {value}",
    "int_parsing_size": "must be a smaller whole number, got {value}",
    "int_type": "must be a whole number, got {value}",
    "less_than": "must be less than {lt}, got {value}",
    "less_than_equal": "must be at most {le}, got {value}",
    "list_type": "must be a list, got {value}",
    "literal_error": "must be {expected}, got {value}",
    "model_type": "must be a mapping, got {value}",
    "model_attributes_type": "must be a mapping, got {value}",
    "multiple_of": "must be a multiple of {multiple_of}, got {value}",
    "path_type": "must be a path, got {value}",
    "string_pattern_mismatch": "must match '{pattern}', got {value}",
    "string_too_long": "must have at most {max_length} characters, got {value}",
    "string_too_short": "must have at least {min_length} characters, got {value}",
    "string_type": "must be text, got {value}",
    "too_long": "must hold at most {max_length} items, got {actual_length}",
    "too_short": "must hold at least {min_length}, got {actual_length}",
    "tuple_type": "must be a list, got {value}",
    "value_error": "is not valid: {error}",
}


def wording(error: ErrorDetails) -> str:
    """Return what the value must be and what it is; pydantic's own text where the table has none."""
    template = WORDING.get(error["type"])
    if template is None:
        message = error["msg"]
        return message[:1].lower() + message[1:]
    context = {key: _plain(value) for key, value in error.get("ctx", {}).items()}
    return template.format(**context, value=show(error["input"]))


def _plain(bound: Any) -> Any:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def show(value: Any) -> str:
    """Return a value as an error names it: in single quotes, or what it is where it has parts."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case bool():
            return f"'{str(value).lower()}'"
    text = str(value)
    return f"'{text}'" if len(text) <= 60 else f"'{text[:57]}...'"


def nearest(name: object, names: list[str], title: str) -> str:
    """Return a help line with the name that was probably meant and all there are."""
    listing = f"{title}: {', '.join(names) or 'none'}"
    near = get_close_matches(str(name), names, n=1)
    return f"did you mean '{near[0]}'? {listing}" if near else listing
