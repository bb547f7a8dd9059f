"""``unistd plugins``: what is installed, and what could not be loaded."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from unistd.cli.lazy import LazyCommand, LazyGroup, State
from unistd.cli.options import as_json
from unistd.cli.table import table
from unistd.registry.component import KINDS
from unistd.registry.discovery import PluginFailure, installed
from unistd.registry.registry import Registry

COMMANDS = (LazyCommand("list", "List components, failures and clashes.", "unistd.cli.plugins:list_plugins"),)


@click.group(cls=LazyGroup, lazy=COMMANDS, epilog="Example: unistd plugins list --kind task")
def plugins() -> None:
    """Show what the installed plug-ins offer."""


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
        click.echo(json.dumps({"components": rows, "failures": failures, "clashes": clashes}, indent=2))
        return
    columns = ["kind", "name", "distribution", "version", "summary"]
    click.echo(_table(rows, [*columns[:4], "plugin", "target", "options"] if state.verbose else columns))
    for failure in registry.failures:
        click.echo(f"\n{failure.as_error()}", err=True)
    for (of_kind, name), offers in registry.clashes().items():
        click.echo(
            f"\n{of_kind} name '{name}' is offered by {len(offers)} plug-ins\n  help: write {' or '.join(offers)}",
            err=True,
        )


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


def _failure(failure: PluginFailure) -> dict[str, Any]:
    plugin = failure.plugin
    return {
        "plugin": plugin.name,
        "distribution": plugin.dist,
        "version": plugin.version,
        "stage": failure.stage,
        "error": failure.error,
        "where": failure.where,
        "help": failure.help,
    }


def _table(rows: list[dict[str, str]], columns: list[str]) -> str:
    return table(columns, [[row[column] for column in columns] for row in rows])
