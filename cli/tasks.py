"""``unistd tasks``: what can be forecast."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from unistd.cli.options import as_json
from unistd.cli.table import table
from unistd.core.task import Task, TaskCard
from unistd.registry.registry import Registry
from unistd.registry.slot import Choice

UNITS = {"m": "min", "D": "day", "M": "month"}
"""How numpy's letters of time are said; the others say it themselves."""


@click.command(epilog="Example: unistd tasks --json")
@as_json
def tasks(*, as_json: bool) -> None:
    """List the installed tasks with their protocol; no raw file is needed."""
    registry = Registry.discover()
    cards = {name: card for name in registry.names("task") if (card := _card(registry, name)) is not None}
    if as_json:
        click.echo(json.dumps({name: asdict(card) for name, card in cards.items()}, indent=2))
    else:
        header = ("task", "discipline", "window", "step", "channels; source")
        click.echo(table(header, [(name, *_row(card)) for name, card in cards.items()]))


def _card(registry: Registry, name: str) -> TaskCard | None:
    """Return the card of a task with its default options; what goes wrong in one task hides no other."""
    try:
        task: Task = registry.factory("task", Choice(name))()
    except Exception as error:
        click.echo(f"task '{name}' cannot be described: {error}", err=True)
        return None
    return task.card


def _row(card: TaskCard) -> tuple[str, ...]:
    by_unit: dict[str, list[str]] = {}
    for channel in card.channels:
        by_unit.setdefault(channel.unit, []).append(channel.name)
    channels = ", ".join(f"{', '.join(names)} [{unit}]" for unit, names in by_unit.items())
    count, unit = card.step
    window = f"{card.window.past} → {card.window.future}"
    return card.discipline, window, f"{count} {UNITS.get(unit, unit)}", f"{channels}; {card.source}"
