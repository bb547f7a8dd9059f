"""``unistd plugins check``: is what is installed fit to be used, and if not, what is wrong where."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

import click
from packaging.requirements import Requirement

from unistd.core.errors import UsageError
from unistd.registry.component import PLUGIN_API
from unistd.registry.discovery import Plugin, PluginInfo, installed
from unistd.registry.errors import PluginError
from unistd.registry.registry import Registry, satisfied
from unistd.registry.wording import nearest

if TYPE_CHECKING:
    from unistd.registry.component_check import Checked

CONTRACT = "unistd.registry.testing.PluginContract says what is asked"


@click.command(epilog="Example: unistd plugins check unistd-rain")
@click.argument("name", required=False)
@click.pass_context
def check_plugins(ctx: click.Context, name: str | None) -> None:
    """Check plug-in or distribution NAME, or all: versions, declarations, clashes, then every component.

    A component is imported, built with its default options at tiny sizes, and asked the contract of its kind, as
    unistd.core.testing does; what cannot be, such as a task that reads raw files, is said and counted. Leaves with 3
    if there is a problem.
    """
    registry = Registry.discover()
    modules = {plugin: entry.value for plugin, entry in installed(os.environ)}
    known = {str(own) for plugin in modules for own in (plugin.name, plugin.dist)}
    if name is not None and name not in known:
        raise UsageError(f"there is no plug-in '{name}'", help=_meant(name, sorted(known), registry))
    wrong = _told(failure.as_error() for failure in registry.failures if _asked_for(failure.plugin, name))
    components = untold = 0
    for info in registry.plugins:
        if _asked_for(info.plugin, name):
            click.echo(f"{info.plugin}, written for API {PLUGIN_API}")
            wrong += _told(_problems(info, modules[info.plugin], registry))
            for checked in _components(info, registry):
                who = f"{checked.component.kind} '{checked.component.name}'"
                click.echo(f"  {who}: {checked.came}")
                wrong += _told(checked.problems)
                components += 1
                untold += not (checked.whole or checked.problems)
    rest = f"; {untold} not asked all of the contract, for the reasons above" if untold else ""
    click.echo(f"{_count(components, 'component')}, {_count(len(wrong), 'problem')}{rest}")
    if wrong:
        ctx.exit(PluginError.exit_code)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _meant(name: str, known: list[str], registry: Registry) -> str:
    """Say which plug-in was probably meant; the one of a component, where ``name`` is that."""
    for info in registry.plugins:
        if any(own.name == name for own in info.components):
            return f"'{name}' is a component of {info.plugin}: unistd plugins check {info.plugin.name}"
    return nearest(name, known, "installed")


def _asked_for(plugin: Plugin, name: str | None) -> bool:
    return name in (None, plugin.name, plugin.dist)


def _told(problems: Iterable[PluginError]) -> list[PluginError]:
    """Print what is wrong, one after another, and return all of it."""
    told = []
    for error in problems:
        click.echo(error, err=True)
        told.append(error)
    return told


def _problems(info: PluginInfo, module: str, registry: Registry) -> Iterator[PluginError]:
    """Give what is wrong with a plug-in, but for its components."""
    yield from _unmet(info.plugin)
    yield from _clashes(info, registry)
    yield from _contract(module)


def _components(info: PluginInfo, registry: Registry) -> Iterator[Checked]:
    """Check the components of a plug-in, one after another."""
    from unistd.registry.component_check import check_component

    for component in info.components:
        yield check_component(component, f"{info.plugin.dist}/{component.name}", registry)


def _unmet(plugin: Plugin) -> Iterator[PluginError]:
    """Compare what the distribution requires, unistd itself among it, with what is installed."""
    try:
        texts = requires(plugin.dist) or ()
    except PackageNotFoundError:
        yield PluginError(f"{plugin} has no metadata: its installation was broken off", help="install it again")
        return
    for requirement in map(Requirement, texts):
        if not satisfied(requirement):
            wanted = f"{requirement.name}{requirement.specifier}"
            found = _version(requirement.name)
            yield PluginError(f"{plugin} needs '{wanted}', found '{found}'", help=f"pip install '{wanted}'")


def _clashes(info: PluginInfo, registry: Registry) -> Iterator[PluginError]:
    """Give the names of ``info`` that another plug-in offers as well."""
    for (kind, name), offers in registry.clashes().items():
        if any((own.kind, own.name) == (kind, name) for own in info.components):
            text = f"{kind} name '{name}' of {info.plugin} is offered by {len(offers)}: {', '.join(offers)}"
            yield PluginError(text, help=f"specs have to write {' or '.join(offers)}; rename one")


def _contract(module: str) -> Iterator[PluginError]:
    """Ask the contract of plug-ins, but for what is told of each component."""
    from unistd.core.testing.run import ask
    from unistd.registry.testing import PluginContract

    told = {"test_every_component_has_options_to_try", "test_targets_resolve", "test_observers_implement_hooks"}
    for check, error in ask(type("Own", (PluginContract,), {"module": module})(), told):
        if error is not None:
            yield PluginError(f"fails {check} of PluginContract: {error}", where=module, help=CONTRACT)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
