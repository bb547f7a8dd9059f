"""What can go wrong between a spec, the registry and a plug-in."""

from __future__ import annotations

from unistd.core.errors import UnistdError, UsageError


class PluginError(UnistdError):
    """A plug-in, or something it needs, is missing or broken."""

    exit_code = 3


class UnknownComponent(UsageError):  # noqa: N818
    """No installed plug-in offers a component of this kind and name."""


class AmbiguousComponent(UsageError):  # noqa: N818
    """Two plug-ins offer the same short name; the qualified one has to be written."""


class MissingPlugin(PluginError):  # noqa: N818
    """A spec requires a plug-in that is not installed, too old, or could not be loaded."""


class MissingRequirement(PluginError):  # noqa: N818
    """A component needs a package that is not installed."""


class HookError(PluginError):
    """A hook of a plug-in, or of an observer that a spec asks for, raised or cannot be called."""


class ComponentImportError(PluginError):
    """The module or the callable a component names cannot be imported."""
