"""What unistd asks of every router and of every plug-in."""

from __future__ import annotations

from unistd.core.testing import RouterContract
from unistd.registry.testing import PluginContract

from unistd_newname.router import NewNameRouter


class TestNewNameRouter(RouterContract):
    def make(self, width: int, experts: int) -> NewNameRouter:
        return NewNameRouter(width, experts)


class TestPlugin(PluginContract):
    module = "unistd_newname"
