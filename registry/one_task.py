"""A single task by name and options, as ``unistd data prepare`` takes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import ValidationError

from unistd.registry.component import Config
from unistd.registry.compose import ComposedTask, compose_task
from unistd.registry.document import Document
from unistd.registry.explain import explain
from unistd.registry.issues import Source, SpecError
from unistd.registry.registry import Registry
from unistd.registry.slot import Choice, Slot


class _OneTask(Config):
    task: Annotated[Choice, Slot("task")]


def load_task(name: str, overrides: Iterable[str], registry: Registry) -> ComposedTask:
    """Build the task ``name`` with options given as ``key=value``; no file is read.

    Raises:
        SpecError: There is no such task, or an option is wrong; says all of it.
        UsageError: An override is not of that form.
    """
    document = Document(Source("<command line>", f"task: {{kind: {name}}}"))
    for override in overrides:
        document.override(f"task.{override}")
    try:
        choice = _OneTask.model_validate(document.data, context={"registry": registry}).task
    except ValidationError as error:
        issues = explain(document, error.errors(include_url=False), registry, _OneTask)
        raise SpecError(document.source, issues) from error
    return compose_task(name, choice, registry)
