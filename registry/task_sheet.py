"""All that a task declares of itself, as one mapping that commands print and documentation is made of."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from unistd.core.markdown import without_references
from unistd.registry.component import COMPOSER_FIELDS, Component, TaskConfig
from unistd.registry.option_rows import option_rows
from unistd.registry.registry import Registry
from unistd.registry.slot import Choice

if TYPE_CHECKING:
    from unistd.core.task import Protocol, Task, TaskCard


def task_sheet(registry: Registry, name: str) -> dict[str, Any]:
    """Return the card, files, protocols, options and default metrics of a task as JSON; no raw file is needed.

    Raises:
        UnistdError: There is no such task, it cannot be imported, or it has no defaults.
    """
    component = registry.find("task", name)
    chosen = registry.choose("task", name)
    config = chosen.config
    assert isinstance(config, TaskConfig)
    task: Task = registry.factory("task", chosen)()
    own = [option for option in component.config.model_fields if option not in COMPOSER_FIELDS]
    return {
        "name": component.name,
        "summary": component.summary,
        "requires": list(component.requires),
        "card": asdict(task.card),
        "files": _description(registry.load(component)),
        "protocols": [_protocol(registry, component, protocol) for protocol in task.protocols],
        "options": option_rows(component, own),
        "metrics": config.model_dump(mode="json", include={"metrics"})["metrics"],
    }


def _description(target: object) -> str:
    """Return the documentation of a task but for its arguments, which the options document."""
    text = inspect.getdoc(target) or ""
    return without_references(text.partition("\nArgs:")[0]).strip()


def _protocol(registry: Registry, component: Component, protocol: Protocol) -> dict[str, Any]:
    config = component.config.model_validate({"protocol": protocol.name}, context={"registry": registry})
    card: TaskCard = registry.factory("task", Choice(component.name, config))().card
    return {**asdict(protocol), "window": asdict(card.window), "stride": list(card.stride), "embargo": card.embargo}
