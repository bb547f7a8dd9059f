"""Finds the installed plug-ins and loads each on its own, so that a broken one stops nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, entry_points
from textwrap import shorten
from types import ModuleType
from typing import Literal

import pluggy
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from unistd.registry.component import PLUGIN_API, Component, check_declaration
from unistd.registry.errors import PluginError
from unistd.registry.frames import TorchWatch, declared_at, own_frame
from unistd.registry.hooks import implement

GROUP = "unistd"
Stage = Literal["import", "compatibility", "registration", "declaration"]
# How the line begins at which a failure is shown that has none of its own.
BLAMED = {"compatibility": "PLUGIN_API", "registration": "def unistd_", "declaration": "def unistd_components"}


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plug-in as its distribution's metadata names it; known without importing anything."""

    name: str
    dist: str
    version: str

    def __str__(self) -> str:
        return f"plug-in '{self.name}' ({self.dist} {self.version})"


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A loaded plug-in with what it declares, and the manager of its hooks where there is a module behind it."""

    plugin: Plugin
    components: tuple[Component, ...]
    manager: pluggy.PluginManager | None = None


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """A plug-in that could not be loaded: at which stage, why, and the last line of its own code (``where``).

    One that is ``usable`` was loaded all the same, but not as it should be.
    """

    plugin: Plugin
    stage: Stage
    error: str
    where: str
    help: str = ""
    usable: bool = False

    @property
    def message(self) -> str:
        """One sentence: who, at which stage, why."""
        return f"{self.plugin} {self.reason}"

    @property
    def reason(self) -> str:
        """The second half of ``message``."""
        return self.error if self.usable else f"failed at {self.stage}: {self.error}"

    def as_error(self) -> PluginError:
        """Return the failure as an error to raise."""
        return PluginError(self.message, where=self.where, help=self.help)


def installed(environ: Mapping[str, str]) -> Iterator[tuple[Plugin, EntryPoint]]:
    """Give every plug-in that ``UNISTD_PLUGINS`` and ``UNISTD_PLUGINS_OFF`` let in, sorted, without importing it."""
    only = _names(environ["UNISTD_PLUGINS"]) | {"unistd"} if "UNISTD_PLUGINS" in environ else None
    off = _names(environ.get("UNISTD_PLUGINS_OFF", ""))
    found = [(_identify(entry), entry) for entry in entry_points(group=GROUP)]
    for plugin, entry in sorted(found, key=lambda pair: str(pair[0])):
        names = _keys(plugin)
        if (only is None or names & only) and not names & off:
            yield plugin, entry


def load(environ: Mapping[str, str]) -> tuple[list[PluginInfo], list[PluginFailure]]:
    """Load every plug-in let in; with ``UNISTD_PLUGINS_STRICT=1`` the first failure is raised.

    Raises:
        PluginError: A plug-in failed, and failures were asked to be errors.
    """
    loaded: list[PluginInfo] = []
    failures = _absent(environ)
    taken: set[tuple[str, str, str]] = set()
    for plugin, entry in installed(environ):
        with TorchWatch(entry.module) as torch:
            result = _load(plugin, entry, taken)
        if isinstance(result, PluginInfo):
            failures += [_slow(plugin, torch.where)] if torch.where else []
            loaded.append(result)
            taken |= {(plugin.dist, component.kind, component.name) for component in result.components}
        else:
            failures.append(result)
    if failures and environ.get("UNISTD_PLUGINS_STRICT") == "1":
        raise failures[0].as_error()
    return loaded, failures


def load_module(module: str) -> PluginInfo | PluginFailure:
    """Load the plug-in that an entry point would name as ``module``, installed or not."""
    return _load(Plugin(module, "local", "0"), EntryPoint(module, module, GROUP), ())


def _names(text: str) -> set[str]:
    parts = (part.strip().partition(":") for part in text.split(",") if part.strip())
    return {canonicalize_name(dist) + colon + name for dist, colon, name in parts}


def _identify(entry: EntryPoint) -> Plugin:
    """Name a plug-in by the first lines of its distribution's metadata; parsing all of it takes as long as loading."""
    head = ((entry.dist and entry.dist.read_text("METADATA")) or "").partition("\n\n")[0]
    fields = dict(line.partition(": ")[::2] for line in reversed(head.splitlines()))
    if "Name" not in fields or "Version" not in fields:  # as an installation that was broken off leaves it
        return Plugin(entry.name, "unknown", "?")
    return Plugin(entry.name, canonicalize_name(fields["Name"]), fields["Version"])


def _absent(environ: Mapping[str, str]) -> list[PluginFailure]:
    """Report names of the allow-list that are not installed, which would otherwise go unnoticed."""
    if "UNISTD_PLUGINS" not in environ:
        return []
    known = {name for entry in entry_points(group=GROUP) for name in _keys(_identify(entry))}
    missing = sorted(_names(environ["UNISTD_PLUGINS"]) - known)
    text = "UNISTD_PLUGINS names it, but it is not installed"
    return [PluginFailure(Plugin(name, name, "?"), "import", text, "UNISTD_PLUGINS") for name in missing]


def _keys(plugin: Plugin) -> set[str]:
    return {plugin.dist, f"{plugin.dist}:{plugin.name}"}


def _load(plugin: Plugin, entry: EntryPoint, taken: Collection[tuple[str, str, str]]) -> PluginInfo | PluginFailure:
    stage: Stage = "import"
    module: ModuleType | None = None
    try:
        module = entry.load()
        stage = "compatibility"
        _check_api(module, plugin)
        stage = "registration"
        manager = _register(module, plugin)
        stage = "declaration"
        components = _declared(manager)
        check_components(components, plugin, taken)
    except (Exception, SystemExit) as error:
        where = own_frame(error, entry.module)
        if module is not None and where == entry.module:
            where = declared_at(module, BLAMED[stage])
        if isinstance(error, PluginError):
            return PluginFailure(plugin, stage, error.message, where, error.help)
        text = shorten(f"{type(error).__name__}: {error}", width=300)
        return PluginFailure(plugin, stage, text, where, _pip_hint(error, entry.dist))
    return PluginInfo(plugin, components, manager)


def _slow(plugin: Plugin, where: str) -> PluginFailure:
    """Not a reason to do without it: in a command that needs torch anyway it is as good as any."""
    text = "imports torch where it is declared, so that every command waits for it"
    help_ = "import it only in the modules that a Component's 'target' names"
    return PluginFailure(plugin, "declaration", text, where, help_, usable=True)


def _check_api(module: ModuleType, plugin: Plugin) -> None:
    api = getattr(module, "PLUGIN_API", None)
    if api is None:
        raise PluginError("no PLUGIN_API is declared", help=f"write 'PLUGIN_API = {PLUGIN_API}' beside the hook")
    if api != PLUGIN_API:
        old = isinstance(api, int) and api < PLUGIN_API
        raise PluginError(
            f"it was written for plug-in API {api}; this unistd has API {PLUGIN_API}",
            help=f"pip install -U {plugin.dist if old else 'unistd'}",
        )


def _register(module: ModuleType, plugin: Plugin) -> pluggy.PluginManager:
    manager = implement(module, f"{plugin.dist}:{plugin.name}")
    if not manager.get_hookcallers(module):
        raise PluginError("no hook is implemented", help="is '@hookimpl' missing above 'def unistd_components()'?")
    return manager


def _declared(manager: pluggy.PluginManager) -> tuple[Component, ...]:
    found = manager.hook.unistd_components()
    if not found and manager.hook.unistd_components.get_hookimpls():  # pluggy leaves None out
        raise PluginError("unistd_components() returned nothing", help="is 'return' missing at its end?")
    return tuple(component for own in found for component in own)


def check_components(
    components: tuple[Component, ...], plugin: Plugin, taken: Collection[tuple[str, str, str]] = ()
) -> None:
    """Check what a plug-in declares; ``taken`` is what its distribution has declared before.

    Raises:
        PluginError: A declaration is not well formed, or there twice.
    """
    seen = set(taken)
    for component in components:
        if problem := check_declaration(component):
            raise PluginError(problem)
        key = (plugin.dist, component.kind, component.name)
        if key in seen:
            raise PluginError(f"{component.kind} '{component.name}' is declared twice", help="rename one of them")
        seen.add(key)


def _pip_hint(error: BaseException, dist: Distribution | None) -> str:
    if not (isinstance(error, ModuleNotFoundError) and error.name and dist):
        return ""
    missing = canonicalize_name(error.name.partition(".")[0])
    for text in dist.requires or ():
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == missing:
            return f"pip install '{requirement.name}{requirement.specifier}'"
    return ""
