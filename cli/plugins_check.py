"""``unistd plugins check``: is what is installed fit to be used, and if not, what is wrong where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

import click
from packaging.requirements import Requirement

from unistd.core.errors import UsageError
from unistd.registry.component import PLUGIN_API
from unistd.registry.discovery import Plugin, PluginInfo, installed
from unistd.registry.errors import PluginError
from unistd.registry.registry import Registry, satisfied

CONTRACT = "unistd.registry.testing.PluginContract says what is asked"


@click.command(epilog="Example: unistd plugins check unistd-rain")
@click.argument("name", required=False)
@click.pass_context
def check_plugins(ctx: click.Context, name: str | None) -> None:
    """Check plug-in or distribution NAME, or all: versions, declarations, clashes, then every component.

    A component is imported, built with its default options at tiny sizes, and asked the contract of its kind, as
    unistd.core.testing does. Leaves with 3 if there is a problem.
    """
    registry = Registry.discover()
    modules = {plugin: entry.value for plugin, entry in installed(os.environ)}
    known = {str(own) for plugin in modules for own in (plugin.name, plugin.dist)}
    if name is not None and name not in known:
        raise UsageError(f"there is no plug-in '{name}'", help=f"installed: {', '.join(sorted(known))}")
    wrong = [failure.as_error() for failure in registry.failures if _asked_for(failure.plugin, name)]
    for error in wrong:
        click.echo(error, err=True)
    components = 0
    for info in registry.plugins:
        if _asked_for(info.plugin, name):
            click.echo(f"{info.plugin}, written for API {PLUGIN_API}")
            components += len(info.components)
            for error in _problems(info, modules[info.plugin], registry):
                click.echo(error, err=True)
                wrong.append(error)
    click.echo(f"{components} components, {len(wrong)} problems")
    if wrong:
        ctx.exit(PluginError.exit_code)


def _asked_for(plugin: Plugin, name: str | None) -> bool:
    return name in (None, plugin.name, plugin.dist)


def _problems(info: PluginInfo, module: str, registry: Registry) -> Iterator[PluginError]:
    """Give what is wrong with a plug-in and its components, and print how far each of these came."""
    from unistd.registry.component_check import check_component

    yield from _unmet(info.plugin)
    yield from _clashes(info, registry)
    yield from _contract(module)
    for component in info.components:
        checked = check_component(component, f"{info.plugin.dist}/{component.name}", registry)
        click.echo(f"  {component.kind} '{component.name}': {checked.came}")
        yield from checked.problems


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

    own = type("Own", (PluginContract,), {"module": module})()
    for check, error in ask(own, {"test_every_component_has_options_to_try", "test_targets_resolve"}):
        if error is not None:
            yield PluginError(f"fails {check} of PluginContract: {error}", where=module, help=CONTRACT)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
