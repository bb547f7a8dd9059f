"""What unistd asks of every adapter and of every plug-in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unistd.core.adapter import Adapter, Site
from unistd.core.testing import AdapterContract
from unistd.plugins.router_softmax.softmax import SoftmaxRouter
from unistd.registry.testing import PluginContract

from unistd_newname.adapter import place


class TestNewNameAdapter(AdapterContract):
    def make(self, sites: Sequence[Site]) -> Mapping[str, Adapter]:
        return place(sites, router=SoftmaxRouter)


class TestPlugin(PluginContract):
    module = "unistd_newname"
