"""What unistd asks of every head and of every plug-in."""

from __future__ import annotations

from unistd.core.head import TaskHead
from unistd.core.testing import HeadContract
from unistd.registry.testing import PluginContract

from unistd_newname.head import NewNameHead


class TestNewNameHead(HeadContract):
    def make(self, *, past: int, future: int, channels_in: int, channels_out: int, trunk_width: int) -> TaskHead:
        sizes = {"past": past, "future": future, "channels_in": channels_in, "channels_out": channels_out}
        return NewNameHead(**sizes, trunk_width=trunk_width)


class TestPlugin(PluginContract):
    module = "unistd_newname"
