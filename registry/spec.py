"""From a file, or the record of a run, to a validated spec."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import ValidationError

from unistd.core.errors import UsageError
from unistd.registry.document import Document
from unistd.registry.errors import MissingPlugin
from unistd.registry.explain import explain
from unistd.registry.implementer import Implementer
from unistd.registry.issues import Source, SpecError
from unistd.registry.registry import Registry, satisfied
from unistd.registry.run_spec import RunSpec, Spec

if TYPE_CHECKING:  # a joint run does without it
    from unistd.registry.pretrain_spec import PretrainSpec

__all__ = ["RunSpec", "load_any", "load_any_resolved", "load_pretrain_spec", "load_resolved", "load_spec"]

OwnSpec = TypeVar("OwnSpec", bound=Spec)

PRETRAIN = "unistd pretrain SPEC trains a trunk with it"
TRAIN = "unistd train SPEC trains a model with it"


def load_spec(path: Path, registry: Registry, overrides: Iterable[str] = ()) -> RunSpec:
    """Read, override and validate the spec of a joint run; every component is resolved, with its defaults.

    Args:
        path: A YAML or JSON file.
        registry: What is installed.
        overrides: ``key=value`` with a dotted key and a YAML value, put on top before validation.

    Raises:
        SpecError: Anything is wrong in the file, all of it at once.
        UsageError: The file cannot be read, an override cannot be placed, or it is a spec for ``unistd pretrain``.
        MissingPlugin: ``plugins.require`` is not met.
        HookError: The hook ``unistd_check_spec`` of a plug-in raised.
    """
    document = _of_kind(Document.open(path, overrides), RunSpec)
    return _seen_by_plugins(document, _validate(document, registry, RunSpec), registry)


def load_pretrain_spec(path: Path, registry: Registry, overrides: Iterable[str] = ()) -> PretrainSpec:
    """Read, override and validate a spec for ``unistd pretrain``; arguments and errors as of ``load_spec``."""
    from unistd.registry.pretrain_spec import PretrainSpec

    return _validate(_of_kind(Document.open(path, overrides), PretrainSpec), registry, PretrainSpec)


def load_any(path: Path, registry: Registry, overrides: Iterable[str] = ()) -> RunSpec | PretrainSpec:
    """Read, override and validate a spec of either kind; arguments and errors as of ``load_spec``."""
    document = Document.open(path, overrides)
    return _seen_by_plugins(document, _validate(document, registry, _kind(document.data)), registry)


def load_resolved(data: dict[str, Any], registry: Registry, path: Path, overrides: Iterable[str] = ()) -> RunSpec:
    """Validate what ``RunSpec.dump`` returned, ``overrides`` on top; ``path`` is where it was kept, for messages.

    Raises:
        SpecError, MissingPlugin: As ``load_spec``, when the installed plug-ins are not those of the dump.
    """
    document = _recorded(data, path)
    for override in overrides:
        document.override(override)
    return _validate(_of_kind(document, RunSpec), registry, RunSpec)


def load_any_resolved(data: dict[str, Any], registry: Registry, path: Path) -> RunSpec | PretrainSpec:
    """Validate what ``dump`` of a spec of either kind returned; arguments and errors as of ``load_resolved``."""
    return _validate(_recorded(data, path), registry, _kind(data))


def _recorded(data: dict[str, Any], path: Path) -> Document:
    return Document(Source(str(path), json.dumps(data, indent=2)))


def _kind(data: Any) -> type[RunSpec] | type[PretrainSpec]:
    """Tell what a spec is for by the sections that only one kind has."""
    keys = set(data) if isinstance(data, dict) else set()
    if {"frames", "objective"} & keys and not {"tasks", "model"} & keys:
        from unistd.registry.pretrain_spec import PretrainSpec

        return PretrainSpec
    return RunSpec


def _of_kind(document: Document, wanted: type[Spec]) -> Document:
    keys = set(document.data) if isinstance(document.data, dict) else set()
    if wanted is RunSpec and _kind(document.data) is not RunSpec:
        raise UsageError(
            "this is a spec for pre-training, not for a joint run", where=document.source.name, help=PRETRAIN
        )
    if wanted is not RunSpec and {"tasks", "model"} & keys and "frames" not in keys:
        raise UsageError("this is a spec for a joint run, not for pre-training", where=document.source.name, help=TRAIN)
    return document


def _validate(document: Document, registry: Registry, spec: type[OwnSpec]) -> OwnSpec:
    _check_required(document, registry)
    try:
        return spec.model_validate(document.data, context={"registry": registry})
    except ValidationError as error:
        issues = explain(document, error.errors(include_url=False), registry, spec)
        raise SpecError(document.source, issues) from error


def _seen_by_plugins(document: Document, spec: OwnSpec, registry: Registry) -> OwnSpec:
    """Ask the plug-ins what they see in the spec of a joint run; one that was run before is not asked about again."""
    issues = []
    for info in registry.plugins if isinstance(spec, RunSpec) else ():
        own = Implementer.of_plugin(info)
        for found in own.check(spec) if own else ():
            help_ = f"{found.help}; " if found.help else ""
            issues.append(document.issue(found.keys, found.message, f"{help_}{own} says so"))
    if issues:
        raise SpecError(document.source, issues)
    return spec


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
            if not failure.usable and failure.plugin.dist == canonicalize_name(requirement.name):
                raise MissingPlugin(f"the spec needs '{text}', but {failure.message}", where=where, help=failure.help)


def _state(requirement: Requirement) -> str:
    try:
        return f"the spec needs plug-in '{requirement}', but version {version(requirement.name)} is installed"
    except PackageNotFoundError:
        return f"the spec needs plug-in '{requirement}', which is not installed"
