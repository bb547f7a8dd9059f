"""Driving: the road ahead, filmed from a moving car."""

from __future__ import annotations

from unistd.plugins.driving.config import CityscapesConfig, KittiCaltechConfig, KittiConfig
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the driving tasks."""
    return [
        Component(
            kind="task",
            name="cityscapes",
            config=CityscapesConfig,
            target="unistd.plugins.driving.cityscapes:Cityscapes",
            summary="Streets of German cities in colour, 3×128×128, 10→10",
        ),
        Component(
            kind="task",
            name="kitti",
            config=KittiConfig,
            target="unistd.plugins.driving.kitti:Kitti",
            summary="Drives around Karlsruhe in colour, 3×128×160, 10 a second, 10→10",
        ),
        Component(
            kind="task",
            name="kitti-caltech",
            config=KittiCaltechConfig,
            target="unistd.plugins.driving.kitti_caltech:KittiCaltech",
            summary="Trained around Karlsruhe, tested in Los Angeles: 3×128×160, 10 a second, 10→1",
        ),
    ]
