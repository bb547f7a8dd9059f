"""Calls the hooks of one plug-in or observer, and says whose they are when one raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pluggy

from unistd.core.errors import UnistdError
from unistd.registry.discovery import Plugin, PluginInfo
from unistd.registry.errors import HookError
from unistd.registry.frames import own_frame
from unistd.registry.hooks import SpecIssue, implement


@dataclass(frozen=True)
class Implementer:
    """Who implements hooks: an installed plug-in, or an ``observer`` that a spec asks for.

    Attributes:
        plugin: Name, distribution and version.
        noun: What messages call it.
        manager: Holds its hooks and nobody else's.
    """

    plugin: Plugin
    noun: str
    manager: pluggy.PluginManager

    @classmethod
    def of_plugin(cls, info: PluginInfo) -> Implementer | None:
        """Return the hooks of an installed plug-in, ``None`` where there is no module behind it."""
        return cls(info.plugin, "plug-in", info.manager) if info.manager else None

    @classmethod
    def of_observer(cls, plugin: Plugin, observer: object) -> Implementer:
        """Return the hooks of an object that was built for one run.

        Raises:
            HookError: It implements none, or one that there is not.
        """
        label = f"observer '{plugin.name}' ({plugin.dist} {plugin.version})"
        try:
            own = cls(plugin, "observer", implement(observer, plugin.name))
        except pluggy.PluginValidationError as error:
            raise HookError(f"{label}: {error}", where=type(observer).__module__) from error
        if not own.names:
            help_ = "is '@hookimpl' missing above its methods?"
            raise HookError(f"{label} implements no hook", where=type(observer).__module__, help=help_)
        return own

    def __str__(self) -> str:
        return f"{self.noun} '{self.plugin.name}' ({self.plugin.dist} {self.plugin.version})"

    @property
    def names(self) -> tuple[str, ...]:
        """Return the hooks it implements, sorted."""
        callers = (caller for own in self.manager.get_plugins() for caller in self.manager.get_hookcallers(own) or ())
        return tuple(sorted(caller.name for caller in callers))

    def call(self, hook: str, **arguments: Any) -> None:
        """Call ``hook``, which returns nothing; does nothing where it is not implemented.

        Raises:
            HookError: The hook raised.
        """
        with self._named(hook):
            getattr(self.manager.hook, hook)(**arguments)

    def check(self, spec: Any) -> list[SpecIssue]:
        """Return what the hook ``unistd_check_spec`` has to say about ``spec``.

        Raises:
            HookError: The hook raised, or gave something else.
        """
        with self._named("unistd_check_spec"):
            issues = [issue for found in self.manager.hook.unistd_check_spec(spec=spec) for issue in found]
            for issue in issues:
                if not isinstance(issue, SpecIssue):
                    raise TypeError(f"'{issue!r}' is not a SpecIssue")
        return issues

    @contextmanager
    def _named(self, hook: str) -> Iterator[None]:
        try:
            yield
        except (Exception, SystemExit) as error:
            text = error.message if isinstance(error, UnistdError) else f"{type(error).__name__}: {error}"
            help_ = error.help if isinstance(error, UnistdError) else ""
            (implementation,) = self.manager.get_plugins()
            module = getattr(implementation, "__name__", type(implementation).__module__)
            where = own_frame(error, module)
            raise HookError(f"{self} failed in {hook}: {text}", where=where, help=help_ or self._way_out) from error

    @property
    def _way_out(self) -> str:
        if self.noun == "observer":
            return f"take '{self.plugin.name}' out of the spec's observers to do without it"
        return f"UNISTD_PLUGINS_OFF={self.plugin.dist}:{self.plugin.name} does without it"
