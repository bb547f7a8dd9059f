"""Convolutional task heads: ``conv``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from unistd.registry.component import Component, Config
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


class ConvHeadConfig(Config):
    """Options of ``conv``."""

    width: Annotated[int, Field(ge=2)] = 32
    """Channels c of the convolutions."""
    stride: Literal[1, 2, 4, 8, 16, 32] = 4
    """Pixels of a token's side; a grid of h × w tokens is made of H/stride × W/stride, rounded up."""
    residual: Literal["last-frame", "recent-change", "none"] | None = None
    """Forecast a correction to the last input frame, the same in units of the window's own change from frame to frame,
    or the frame itself; by default the first where C' = C.
    """


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the head."""
    return [
        Component(
            kind="head",
            name="conv",
            config=ConvHeadConfig,
            target="unistd.plugins.head_conv.conv_head:ConvHead",
            summary="Strided convolutions in, upsampling convolutions out, relative to the last frame",
        )
    ]
