"""What unistd asks of every temporal module and of every plug-in."""

from __future__ import annotations

from unistd.core.testing import TemporalContract
from unistd.registry.testing import PluginContract

from unistd_newname.temporal import NewNameTemporal


class TestNewNameTemporal(TemporalContract):
    def make(self, width: int) -> NewNameTemporal:
        return NewNameTemporal(width)


class TestPlugin(PluginContract):
    module = "unistd_newname"
