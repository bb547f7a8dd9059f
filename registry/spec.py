"""From a file, or the record of a run, to a validated spec."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import ValidationError

from unistd.registry.document import Document
from unistd.registry.errors import MissingPlugin
from unistd.registry.explain import explain
from unistd.registry.issues import Source, SpecError
from unistd.registry.registry import Registry, satisfied
from unistd.registry.run_spec import RunSpec

__all__ = ["RunSpec", "load_resolved", "load_spec"]


def load_spec(path: Path, registry: Registry, overrides: Iterable[str] = ()) -> RunSpec:
    """Read, override and validate a spec; every component is resolved, with its defaults.

    Args:
        path: A YAML or JSON file.
        registry: What is installed.
        overrides: ``key=value`` with a dotted key and a YAML value, put on top before validation.

    Raises:
        SpecError: Anything is wrong in the file, all of it at once.
        UsageError: The file cannot be read, or an override cannot be placed.
        MissingPlugin: ``plugins.require`` is not met.
    """
    return _validate(Document.open(path, overrides), registry)


def load_resolved(data: dict[str, Any], registry: Registry, path: Path) -> RunSpec:
    """Validate what ``RunSpec.dump`` returned; ``path`` is where it was kept, for messages.

    Raises:
        SpecError, MissingPlugin: As ``load_spec``, when the installed plug-ins are not those of the dump.
    """
    return _validate(Document(Source(str(path), json.dumps(data, indent=2))), registry)


def _validate(document: Document, registry: Registry) -> RunSpec:
    _check_required(document, registry)
    try:
        return RunSpec.model_validate(document.data, context={"registry": registry})
    except ValidationError as error:
        issues = explain(document, error.errors(include_url=False), registry)
        raise SpecError(document.source, issues) from error


def _check_required(document: Document, registry: Registry) -> None:
    plugins = document.data.get("plugins") if isinstance(document.data, dict) else None
    required = plugins.get("require") if isinstance(plugins, dict) else None
    for index, text in enumerate(required if isinstance(required, list) else []):
        try:
            requirement = Requirement(str(text))
        except InvalidRequirement:
            continue  # said with the other errors of the file
        where = document.where(("plugins", "require", index))
        if not satisfied(requirement):
            raise MissingPlugin(_state(requirement), where=where, help=f"pip install '{requirement}'")
        for failure in registry.failures:
            if failure.plugin.dist == canonicalize_name(requirement.name):
                raise MissingPlugin(f"the spec needs '{text}', but {failure.message}", where=where, help=failure.help)


def _state(requirement: Requirement) -> str:
    try:
        return f"the spec needs plug-in '{requirement}', but version {version(requirement.name)} is installed"
    except PackageNotFoundError:
        return f"the spec needs plug-in '{requirement}', which is not installed"
