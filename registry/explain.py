"""Turns one validation error into what is wrong, where in the file, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from unistd.registry.document import Document
from unistd.registry.holder import holder
from unistd.registry.issues import Issue
from unistd.registry.reader import Keys, dotted
from unistd.registry.registry import Registry
from unistd.registry.wording import nearest, wording

SHAPE = {"component", "extra_forbidden", "missing", "union_tag_invalid"}
"""Errors about which keys and kinds there are; the others are about values."""


def explain(
    document: Document, errors: Iterable[ErrorDetails], registry: Registry, spec: type[BaseModel]
) -> list[Issue]:
    """Return the issues behind ``errors``; an unknown key is shown at the key, a wrong value at the value."""
    places: dict[tuple[Keys, bool], list[ErrorDetails]] = {}
    for error in errors:
        places.setdefault(_place(error["loc"], document.data), []).append(error)
    issues = []
    for (keys, of_key), found in places.items():
        issues += [issue for error in found if (issue := _of_shape(document, keys, error, registry, spec))]
        if values := [error for error in found if error["type"] not in SHAPE]:
            shown = keys[-2:] if keys and isinstance(keys[-1], int) else keys[-1:]
            subject = "key" if of_key else f"'{dotted(shown)}'" if keys else f"the {document.source.noun}"
            help_ = next((error["ctx"]["help"] for error in values if "help" in error.get("ctx", {})), "")
            issues.append(document.issue(keys, f"{subject} {_any_of(values)}", help_, key=of_key))
    return issues


def _any_of(errors: list[ErrorDetails]) -> str:
    """Join what a value could have been; the members of a union fail one by one."""
    parts = [wording(error).partition(", got ") for error in errors]
    wanted = " or ".join(dict.fromkeys(part[0] for part in parts)).replace(" or must be ", " or ")
    return wanted + "".join(parts[0][1:])


def _of_shape(
    document: Document, keys: Keys, error: ErrorDetails, registry: Registry, spec: type[BaseModel]
) -> Issue | None:
    context = error.get("ctx", {})
    match error["type"]:
        case "component":
            return document.issue(keys, context["message"], context["help"])
        case "extra_forbidden":
            return _unknown_key(document, keys, registry, spec)
        case "missing":
            return _missing_key(document, error["loc"], registry, spec)
        case "union_tag_invalid":
            tags = context["expected_tags"].replace("'", "").split(", ")
            message = f"unknown kind '{context['tag']}' in '{dotted(keys)}'"
            return document.issue((*keys, "kind"), message, nearest(context["tag"], tags, "kinds"))
    return None


def _unknown_key(document: Document, keys: Keys, registry: Registry, spec: type[BaseModel]) -> Issue:
    place = holder(keys[:-1], document.data, registry, spec, document.source.noun)
    if place is None:
        return document.issue(keys, f"unknown key '{keys[-1]}'", key=True)
    message = f"unknown key '{keys[-1]}' in {place.label}"
    return document.issue(keys, message, nearest(keys[-1], place.keys(), "keys"), key=True)


def _missing_key(
    document: Document, location: tuple[int | str, ...], registry: Registry, spec: type[BaseModel]
) -> Issue:
    keys, _ = _place(location[:-1], document.data)
    place = holder(keys, document.data, registry, spec, document.source.noun)
    if place is None:
        return document.issue(keys, f"'{location[-1]}' is missing")
    return document.issue(keys, f"'{location[-1]}' is missing in {place.label}", place.describe(location[-1]))


def _place(location: tuple[int | str, ...], data: Any) -> tuple[Keys, bool]:
    """Return the place in the file: pydantic's location less the names of union members; and whether a key is meant."""
    keys: list[int | str] = []
    absent = False
    for part in location:
        if part == "[key]":
            return tuple(keys), True
        if absent:
            keys.append(part)
        elif part in (data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()):
            keys.append(part)
            data = data[part]
        elif isinstance(data, dict) and data.get("kind") != part:
            keys.append(part)
            absent = True
    return tuple(keys), False
