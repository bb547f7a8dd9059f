"""What unistd asks of every backbone and of every plug-in."""

from __future__ import annotations

from unistd.core.testing import BackboneContract
from unistd.registry.testing import PluginContract

from unistd_newname.backbone import NewNameBackbone


class TestNewNameBackbone(BackboneContract):
    def make(self) -> NewNameBackbone:
        return NewNameBackbone(width=12, depth=2)


class TestPlugin(PluginContract):
    module = "unistd_newname"
