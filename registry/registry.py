"""All components of the installed plug-ins, by kind and name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement

from unistd.registry import discovery
from unistd.registry.component import Component, Config, Kind
from unistd.registry.discovery import Plugin, PluginFailure, PluginInfo
from unistd.registry.errors import AmbiguousComponent, ComponentImportError, MissingRequirement, UnknownComponent
from unistd.registry.frames import own_frame
from unistd.registry.slot import Choice

if TYPE_CHECKING:
    from unistd.registry.run_spec import Spec


class Registry:
    """An immutable snapshot of what is installed; there is none at module level.

    A component is found by its qualified name ``distribution/name``, and by its short name while that is unique.
    """

    def __init__(self, plugins: tuple[PluginInfo, ...], failures: tuple[PluginFailure, ...] = ()) -> None:
        self.plugins = plugins
        self.failures = failures
        self._offers: dict[tuple[Kind, str], dict[str, Component]] = {}
        for info in plugins:
            for component in info.components:
                offers = self._offers.setdefault((component.kind, component.name), {})
                offers[f"{info.plugin.dist}/{component.name}"] = component

    @classmethod
    def discover(cls, environ: Mapping[str, str] = os.environ) -> Registry:
        """Load the installed plug-ins; the broken ones are ``failures``.

        Args:
            environ: ``UNISTD_PLUGINS`` lists the distributions let in besides unistd itself (empty: none),
                ``UNISTD_PLUGINS_OFF`` those kept out, ``UNISTD_PLUGINS_STRICT=1`` raises the first failure.

        Raises:
            PluginError: A plug-in failed and ``UNISTD_PLUGINS_STRICT`` is 1.
        """
        loaded, failures = discovery.load(environ)
        return cls(tuple(loaded), tuple(failures))

    @classmethod
    def of(cls, *components: Component) -> Registry:
        """Make a registry of these components, for tests and notebooks.

        Raises:
            PluginError: A declaration is not well formed, or there twice.
        """
        plugin = Plugin("local", "local", "0")
        discovery.check_components(components, plugin)
        return cls((PluginInfo(plugin, components),))

    def names(self, kind: Kind) -> list[str]:
        """Return the names a spec can use for ``kind``: short ones, qualified where two plug-ins share one."""
        return sorted(names[0] for _, names in self.spellings(kind))

    def spellings(self, kind: Kind) -> list[tuple[Component, list[str]]]:
        """Return every component of ``kind`` with all names that find it, the shortest first."""
        return [
            (component, [name, qualified] if len(offers) == 1 else [qualified])
            for (of_kind, name), offers in self._offers.items()
            if of_kind == kind
            for qualified, component in offers.items()
        ]

    def clashes(self) -> dict[tuple[Kind, str], list[str]]:
        """Return the short names that several plug-ins offer, with the qualified ones."""
        return {key: sorted(offers) for key, offers in self._offers.items() if len(offers) > 1}

    def find(self, kind: Kind, name: str) -> Component:
        """Return the component of ``kind`` that ``name`` stands for.

        Raises:
            UnknownComponent: There is none of that name.
            AmbiguousComponent: A short name is offered by several plug-ins.
        """
        offers = self._offers.get((kind, name.rpartition("/")[2]), {})
        if name in offers:
            return offers[name]
        if "/" in name or not offers:
            raise UnknownComponent(f"unknown {kind} '{name}'", help=self._nearest(kind, name))
        if len(offers) > 1:
            raise AmbiguousComponent(
                f"{kind} name '{name}' is offered by {len(offers)} plug-ins: {self._versions(kind, name)}",
                help="write " + " or ".join(f"'{qualified}'" for qualified in sorted(offers)),
            )
        return next(iter(offers.values()))

    def load(self, component: Component) -> Any:
        """Import what ``component`` declares as its target; only here may torch be imported.

        Raises:
            MissingRequirement: A package it requires is not installed.
            ComponentImportError: Its module or callable cannot be imported.
        """
        _check_requires(component)
        module, _, attribute = component.target.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except (Exception, SystemExit) as error:
            raise ComponentImportError(
                f"{component.kind} '{component.name}' cannot be imported: {type(error).__name__}: {error}",
                where=own_frame(error, module),
                help="unistd doctor",
            ) from error

    def choose(self, kind: Kind, name: str) -> Choice:
        """Return the component ``name`` with the defaults of all its options.

        Raises:
            UnknownComponent, AmbiguousComponent: As ``find``.
        """
        return Choice(name, self._defaults(self.find(kind, name)))

    def factory(self, kind: Kind, choice: Choice) -> partial[Any]:
        """Return the target of ``choice`` with its options bound; errors of the call itself are left as they are.

        Raises:
            UnknownComponent, AmbiguousComponent, MissingRequirement, ComponentImportError: As ``find`` and ``load``.
        """
        component = self.find(kind, choice.kind)
        config = choice.config or self._defaults(component)
        return partial(self.load(component), **component.options(config))

    def _defaults(self, component: Component) -> Config:
        return component.read({}, {"registry": self})

    def versions(self, spec: Spec) -> dict[str, str]:
        """Return name and version of every distribution whose components ``spec`` uses."""
        used = {id(self.find(kind, choice.kind)) for kind, choice in spec.choices()}
        owners = {info.plugin for info in self.plugins if any(id(part) in used for part in info.components)}
        return {plugin.dist: plugin.version for plugin in sorted(owners, key=str)}

    def owner(self, component: Component) -> Plugin:
        """Return the plug-in that declares ``component``, which is one of this registry's."""
        return next(info.plugin for info in self.plugins if any(own is component for own in info.components))

    def _versions(self, kind: Kind, name: str) -> str:
        owners = [i.plugin for i in self.plugins if any((c.kind, c.name) == (kind, name) for c in i.components)]
        return " and ".join(f"{plugin.dist} {plugin.version}" for plugin in owners)

    def _nearest(self, kind: Kind, name: str) -> str:
        names = self.names(kind)
        help_ = f"installed: {', '.join(names) or 'none'}"
        if near := get_close_matches(name, names, n=1):
            help_ = f"did you mean '{near[0]}'? {help_}"
        dist = name.partition("/")[0] if "/" in name else ""
        suspects = [own for own in self.failures if not own.usable and dist in ("", own.plugin.dist)]
        for failure in suspects[:3]:
            help_ += f"\n  or is it in {failure.plugin}, which {failure.reason} ({failure.where})"
        return help_


def _check_requires(component: Component) -> None:
    missing = [text for text in component.requires if not satisfied(Requirement(text))]
    if missing:
        quoted = " ".join(f"'{text}'" for text in missing)
        raise MissingRequirement(
            f"{component.kind} '{component.name}' needs {quoted}, which is not installed", help=f"pip install {quoted}"
        )


def satisfied(requirement: Requirement) -> bool:
    """Return whether the environment holds what ``requirement`` asks for."""
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False
