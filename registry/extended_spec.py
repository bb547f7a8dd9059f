"""The spec of a run that adds tasks to another one, made of that run's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from unistd.core.errors import UsageError
from unistd.registry.component import Config
from unistd.registry.document import Document
from unistd.registry.explain import explain
from unistd.registry.issues import Source, SpecError
from unistd.registry.registry import Registry
from unistd.registry.run_spec import RunSpec, TaskName
from unistd.registry.slot import Choice, Slot
from unistd.registry.spec import load_resolved

RANK = 4
"""Rank of experts that are added."""


class NewTasks(Config):
    """Tasks to be added, as a spec names them."""

    tasks: Annotated[dict[TaskName, Annotated[Choice, Slot("task")]], Field(min_length=1)]
    """The tasks by names of the user's choice."""


def read_tasks(given: Sequence[str], registry: Registry) -> dict[str, Any]:
    """Return the options of new tasks by name.

    Args:
        given: Each a file with ``tasks:`` as in a spec, or ``name=…`` with what stands behind the name in a spec.
        registry: What is installed.

    Raises:
        SpecError: One is no task; points into the file.
        UsageError: A file cannot be read, or two tasks have one name.
    """
    found: dict[str, Any] = {}
    for text in given:
        name, equals, _ = text.partition("=")
        inline = equals and not Path(text).exists()
        document = Document(Source("<task>", "{}")) if inline else Document.open(Path(text), noun="list of tasks")
        if inline:
            document.override(f"tasks.{text}")
        for name, task in _checked(document, registry).items():
            if name in found:
                raise UsageError(f"two new tasks are named '{name}'", help="give one of them another name")
            found[name] = task
    return found


def _checked(document: Document, registry: Registry) -> dict[str, Any]:
    try:
        tasks = NewTasks.model_validate(document.data, context={"registry": registry})
    except ValidationError as error:
        issues = explain(document, error.errors(include_url=False), registry, NewTasks)
        raise SpecError(document.source, issues) from error
    found: dict[str, Any] = tasks.model_dump(mode="json")["tasks"]
    return found


def extended_spec(
    base: RunSpec,
    tasks: dict[str, Any],
    registry: Registry,
    *,
    extends: dict[str, Any],
    experts: int,
    output: Path,
    overrides: Iterable[str] = (),
) -> RunSpec:
    """Return ``base`` with the new ``tasks``; everything else is as it was but for ``output`` and ``overrides``.

    Args:
        base: The spec of the run that is extended.
        tasks: What ``read_tasks`` gave.
        registry: What is installed.
        extends: ``run``, ``checkpoint``, ``weights`` and ``replay`` of the extension.
        experts: How many experts the new tasks get of their own, at each site that has some; 0 for none.
        output: Folder of the new run.
        overrides: ``key=value``, on top of all.

    Raises:
        SpecError, UsageError: A name is taken, an override is wrong, or there is no site for experts.
    """
    if clash := sorted(tasks.keys() & base.tasks.keys()):
        raise UsageError(
            f"the run has a task '{clash[0]}' already",
            where=str(extends["run"]),
            help=f"give the new one another name; it has {', '.join(base.tasks)}",
        )
    data = base.dump()
    own: dict[str, Any] = {**extends, "tasks": list(base.tasks)}
    if experts:
        own["adapter"] = {"kind": "moe-lora", "experts": _sites(base, experts), "rank": RANK}
    data |= {
        "tasks": data["tasks"] | tasks,
        "extends": [*data.get("extends", []), own],
        "output": str(output),
        "name": f"{base.name}, extended",
    }
    return load_resolved(data, registry, Path("<extended spec>"), overrides)


def _sites(base: RunSpec, experts: int) -> dict[str, int]:
    held = getattr(base.model.adapter.config, "experts", None)
    if not isinstance(held, dict) or not any(held.values()):
        raise UsageError(
            f"adapter '{base.model.adapter.kind}' of the run has no experts to add any to",
            help="leave out '--experts'; the new tasks then share what there is",
        )
    return {role: experts for role, count in held.items() if count}
