"""Heat on a plate, a task for unistd with a metric and a head of its own.

Every unistd command reads this module, so it declares and imports nothing heavy: ``target`` says where the code is, and
it is imported when a spec that uses it is run.
"""

from __future__ import annotations

from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl
from unistd_hello_task.config import HeatConfig, PatchHeadConfig, PeakConfig

PLUGIN_API = 1  # of unistd's plug-in interface, which this was written for


@hookimpl
def unistd_components() -> list[Component]:
    """Declare what the package offers."""
    return [
        Component(
            kind="task",
            name="hello-heat",
            config=HeatConfig,
            target="unistd_hello_task.heat:Heat",
            summary="Generated: hot spots that drift and spread on a plate, 1×24×32, 4→8",
        ),
        Component(
            kind="metric",
            name="hello-peak",
            config=PeakConfig,
            target="unistd_hello_task.peak:PeakError",
            summary="Mean absolute error of the hottest point of a frame, in the data's unit",
        ),
        Component(
            kind="head",
            name="hello-patch",
            config=PatchHeadConfig,
            target="unistd_hello_task.patch_head:PatchHead",
            summary="A linear map into the trunk for each patch, and one out of it",
        ),
    ]
