"""What unistd asks of every plug-in, and of the observers it declares."""

from __future__ import annotations

from unistd.registry.testing import PluginContract


class TestPlugin(PluginContract):
    module = "unistd_newname"
