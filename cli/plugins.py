"""``unistd plugins``: what is installed, and what could not be loaded."""

from __future__ import annotations

import json
import os
from difflib import get_close_matches
from textwrap import indent
from typing import Any, cast

import click

from unistd.cli.lazy import LazyCommand, LazyGroup, State
from unistd.cli.options import as_json
from unistd.cli.table import table
from unistd.core.errors import UsageError
from unistd.registry.component import KINDS, Kind
from unistd.registry.discovery import PluginFailure, installed
from unistd.registry.implementer import Implementer
from unistd.registry.option_rows import option_rows
from unistd.registry.registry import Registry

COMMANDS = (
    LazyCommand("list", "List components, failures and clashes.", "unistd.cli.plugins:list_plugins"),
    LazyCommand("show", "Show the options of a component.", "unistd.cli.plugins:show_component"),
    LazyCommand("check", "Check versions, declarations and every component.", "unistd.cli.plugins_check:check_plugins"),
    LazyCommand("new", "Write a package with a component of your own.", "unistd.cli.plugins_new:new_plugin"),
)


@click.group(cls=LazyGroup, lazy=COMMANDS, epilog="Example: unistd plugins list --kind task")
def plugins() -> None:
    """Show what the installed plug-ins offer.

    UNISTD_PLUGINS=a,b lets in only these distributions beside unistd (empty: none), UNISTD_PLUGINS_OFF=a keeps some
    out, and UNISTD_PLUGINS_STRICT=1 stops at the first one that is broken, or imports torch where it is declared.
    """


@click.command(epilog="Example: unistd plugins list --kind metric")
@click.option("--kind", type=click.Choice(KINDS), help="Only components of this kind.")
@as_json
@click.option("--names", is_flag=True, help="Only the plug-ins' names, from metadata; none is imported.")
@click.pass_obj
def list_plugins(state: State, kind: str | None, *, as_json: bool, names: bool) -> None:
    """List every component with the distribution it comes from."""
    if names:
        found = [plugin for plugin, _ in installed(os.environ)]
        rows = [{"name": p.name, "distribution": p.dist, "version": p.version} for p in found]
        click.echo(json.dumps(rows, indent=2) if as_json else _table(rows, ["name", "distribution", "version"]))
        return
    registry = Registry.discover()
    rows = _components(registry, kind)
    if as_json:
        clashes = [
            {"kind": of_kind, "name": name, "offers": offers} for (of_kind, name), offers in registry.clashes().items()
        ]
        failures = [_failure(failure) for failure in registry.failures]
        whole = {"components": rows, "hooks": _hooks(registry), "failures": failures, "clashes": clashes}
        click.echo(json.dumps(whole, indent=2))
        return
    columns = ["kind", "name", "distribution", "version", "summary"]
    click.echo(_table(rows, [*columns[:4], "plugin", "target", "options"] if state.verbose else columns))
    for own in _hooks(registry) if kind is None else ():
        who = f"plug-in '{own['plugin']}' ({own['distribution']} {own['version']})"
        click.echo(f"\n{who} implements {', '.join(own['hooks'])}")
    for failure in registry.failures:
        click.echo(f"\n{failure.as_error()}", err=True)
    for (of_kind, name), offers in registry.clashes().items():
        click.echo(
            f"\n{of_kind} name '{name}' is offered by {len(offers)} plug-ins\n  help: write {' or '.join(offers)}",
            err=True,
        )


@click.command(epilog="Example: unistd plugins show ra-moe")
@click.argument("name")
@as_json
def show_component(name: str, *, as_json: bool) -> None:
    """Show who offers the component NAME, and its options with types, defaults and what they do."""
    registry = Registry.discover()
    rows = [row for row in _components(registry, None) if name in (row["name"], f"{row['distribution']}/{row['name']}")]
    if not rows:
        near = get_close_matches(name, {row["name"] for row in _components(registry, None)}, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise UsageError(f"no plug-in offers a component '{name}'", help=f"{hint}unistd plugins list names all of them")
    for row in rows:
        component = registry.find(cast(Kind, row["kind"]), f"{row['distribution']}/{row['name']}")
        row["options"] = cast(Any, option_rows(component, component.config.model_fields))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['kind']} {row['name']}, by {row['distribution']} {row['version']}: {row['summary']}")
        if not row["options"]:
            click.echo("\nno options")
        for option in cast(Any, row["options"]):
            default = "must be given" if option["required"] else f"default {json.dumps(option['default'])}"
            click.echo(f"\n{option['name']}: {option['type']}, {default}")
            click.echo(indent(option["description"], "    "))


def _components(registry: Registry, kind: str | None) -> list[dict[str, str]]:
    rows = [
        {
            "kind": component.kind,
            "name": component.name,
            "distribution": info.plugin.dist,
            "version": info.plugin.version,
            "plugin": info.plugin.name,
            "summary": component.summary,
            "target": component.target,
            "options": ", ".join(component.config.model_fields),
        }
        for info in registry.plugins
        for component in info.components
        if kind in (None, component.kind)
    ]
    return sorted(rows, key=lambda row: (KINDS.index(row["kind"]), row["name"]))


def _hooks(registry: Registry) -> list[dict[str, Any]]:
    """Return who implements more than the declaration of components, which is called without being asked for."""
    rows = []
    for own in filter(None, map(Implementer.of_plugin, registry.plugins)):
        names = [name for name in own.names if name != "unistd_components"]
        about = {"plugin": own.plugin.name, "distribution": own.plugin.dist, "version": own.plugin.version}
        rows += [{**about, "hooks": names}] if names else []
    return rows


def _failure(failure: PluginFailure) -> dict[str, Any]:
    plugin = failure.plugin
    return {
        "plugin": plugin.name,
        "distribution": plugin.dist,
        "version": plugin.version,
        "stage": failure.stage,
        "usable": failure.usable,
        "error": failure.error,
        "where": failure.where,
        "help": failure.help,
    }


def _table(rows: list[dict[str, str]], columns: list[str]) -> str:
    return table(columns, [[row[column] for column in columns] for row in rows])
