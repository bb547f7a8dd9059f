"""What unistd asks of every metric and of every plug-in."""

from __future__ import annotations

from unistd.core.testing import MetricContract
from unistd.registry.testing import PluginContract

from unistd_newname.metric import NewNameMetric


class TestNewNameMetric(MetricContract):
    def make(self, *, leads: int) -> NewNameMetric:
        return NewNameMetric(leads=leads, unit="1")


class TestNewNameMetricRelative(MetricContract):
    def make(self, *, leads: int) -> NewNameMetric:
        return NewNameMetric(leads=leads, unit="1", relative=True)


class TestPlugin(PluginContract):
    module = "unistd_newname"
