"""The hooks a plug-in may implement."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from unistd.registry.component import Component

hookspec = pluggy.HookspecMarker("unistd")
hookimpl = pluggy.HookimplMarker("unistd")


class Hooks:
    """Every hook starts with ``unistd_``."""

    @hookspec
    def unistd_components(self) -> Iterable[Component]:  # type: ignore[empty-body]
        """Return the components this plug-in offers; must not import torch."""
