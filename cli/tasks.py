"""``unistd tasks``: what can be forecast."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from unistd.cli.lazy import LazyCommand, LazyGroup
from unistd.cli.options import as_json
from unistd.cli.table import table
from unistd.cli.task_page import index_page, step_of, task_page, window_of
from unistd.core.errors import UsageError
from unistd.core.task import Task, TaskCard
from unistd.registry.registry import Registry
from unistd.registry.slot import Choice
from unistd.registry.task_sheet import task_sheet

COMMANDS = (LazyCommand("show", "Print one task's card in full.", "unistd.cli.tasks:show_task"),)


@click.group(cls=LazyGroup, lazy=COMMANDS, invoke_without_command=True, epilog="Example: unistd tasks --json")
@as_json
@click.pass_context
def tasks(ctx: click.Context, *, as_json: bool) -> None:
    """List the installed tasks with their protocol; no raw file is needed.

    JSON leaves out those whose options decide on it, such as the store of an imported data set.
    """
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise UsageError("'--json' stands before 'show'", help="unistd tasks show NAME --json")
        return
    registry = Registry.discover()
    found = {name: registry.find("task", name) for name in registry.names("task")}
    fixed = [name for name, component in found.items() if component.has_defaults]
    cards = {name: card for name in fixed if (card := _card(registry, name)) is not None}
    if as_json:
        click.echo(json.dumps({name: asdict(card) for name, card in cards.items()}, indent=2))
    else:
        header = ("task", "discipline", "window", "step", "channels; source")
        rows = [(name, *_row(card)) for name, card in cards.items()]
        rows += [(name, "", "", "", own.summary) for name, own in found.items() if not own.has_defaults]
        click.echo(table(header, sorted(rows)))


@click.command(epilog="Example: unistd tasks show cityscapes")
@click.argument("name", required=False)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write a page of every task here instead."
)
@as_json
def show_task(name: str | None, out: Path | None, *, as_json: bool) -> None:
    """Print card, files, protocols, options and metrics of task NAME; as Markdown where the output is no terminal."""
    if (name is None) == (out is None):
        raise UsageError("either a task's NAME or '--out' has to be given", help="unistd tasks lists the names")
    if out is not None and as_json:
        raise UsageError("'--out' writes Markdown", help="leave out '--json'")
    registry = Registry.discover()
    if out is not None:
        _write_pages(registry, out)
        return
    sheet = task_sheet(registry, str(name))
    if as_json:
        click.echo(json.dumps(sheet, indent=2))
    else:
        _show(task_page(sheet))


def _show(page: str) -> None:
    """Print ``page`` as Markdown, or laid out where somebody reads it."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    if console.is_terminal:
        console.print(Markdown(page))
    else:
        click.echo(page, nl=False)


def task_pages(registry: Registry) -> dict[str, str]:
    """Return file name and text of the page of every task, and of the page that lists them."""
    sheets = [task_sheet(registry, name) for name in registry.names("task") if registry.find("task", name).has_defaults]
    return {"README.md": index_page(sheets)} | {f"{sheet['name']}.md": task_page(sheet) for sheet in sheets}


def _write_pages(registry: Registry, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    pages = task_pages(registry)
    for name, text in pages.items():
        (out / name).write_text(text, encoding="utf-8")
    click.echo(f"{out}: {len(pages)} pages")


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
    fields: dict[str, Any] = asdict(card)
    return card.discipline, window_of(fields), step_of(fields), f"{channels}; {card.source}"
