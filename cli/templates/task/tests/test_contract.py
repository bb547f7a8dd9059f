"""What unistd asks of every task and of every plug-in."""

from __future__ import annotations

from unistd.core.testing import TaskContract
from unistd.registry.testing import PluginContract

from unistd_newname.task import NewNameTask


class TestNewNameTask(TaskContract):
    def make(self) -> NewNameTask:
        return NewNameTask(height=8, width=9, train=3, val=1, test=1)


class TestPlugin(PluginContract):
    module = "unistd_newname"
