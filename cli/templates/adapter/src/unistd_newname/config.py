"""Options of the adapter; imports no torch."""

from __future__ import annotations

from unistd.registry.component import Config


class NewNameConfig(Config):
    """Options of ``newname``."""

    roles: tuple[str, ...] = ()
    """Roles of the trunk's linear maps that are adapted, such as ``q`` or ``proj``; all of them by default."""
