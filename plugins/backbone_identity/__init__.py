"""The trunk by-passed, for the heads-only control: ``identity``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from unistd.registry.component import Component, Config
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


class IdentityConfig(Config):
    """Options of ``identity``."""

    width: Annotated[int, Field(ge=1)] = 192
    """Token features D between the heads' encoders and decoders; take that of the trunk it is compared with."""


@hookimpl
def unistd_components() -> list[Component]:
    """Return the by-pass."""
    return [
        Component(
            kind="backbone",
            name="identity",
            config=IdentityConfig,
            target="unistd.plugins.backbone_identity.identity:Identity",
            summary="No trunk: the heads alone, as the control of what a trunk brings",
        )
    ]
