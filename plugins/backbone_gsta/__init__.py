"""SimVPv2's gated spatio-temporal attention translator as the shared trunk: ``gsta``."""

from __future__ import annotations

from unistd.plugins.backbone_gsta.config import GstaConfig
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


@hookimpl
def unistd_components() -> list[Component]:
    """Return the trunk."""
    return [
        Component(
            kind="backbone",
            name="gsta",
            config=GstaConfig,
            target="unistd.plugins.backbone_gsta.gsta:Gsta",
            summary="Convolutional translator of SimVPv2 with large-kernel gated attention, trained from scratch",
        )
    ]
