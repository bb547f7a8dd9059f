"""The temporal module of the paper: ``zero-mlp``; and ``none``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from unistd.registry.component import Component, Config
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


class ZeroMlpConfig(Config):
    """Options of ``zero-mlp``."""

    reduction: Annotated[int, Field(ge=1)] = 6
    """Width of the trunk ÷ width of the bottleneck (method §5)."""
    experts: Annotated[int, Field(ge=0)] | None = None
    """Experts the model's adapter places beside the last layer; its own number by default (``ra-moe``: 2,
    ``lora``: 1).
    """
    form: Literal["additive", "multiplicative"] = "additive"
    """How u acts on a token x: ``x + 2σ(u) − 1`` or ``x · 2σ(u)``."""
    local: Annotated[int, Field(ge=0)] = 0
    """Side of a zero-initialised depth-wise convolution over the grid of tokens, odd; 0 for none, as in the paper."""


class NoneConfig(Config):
    """``none`` has no options."""


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the temporal modules."""
    return [
        Component(
            kind="temporal",
            name="zero-mlp",
            config=ZeroMlpConfig,
            target="unistd.plugins.temporal_zero_mlp.zero_mlp:ZeroMlp",
            summary="Bottleneck MLP on the spatial mean, zero-initialised, through a sigmoid",
        ),
        Component(
            kind="temporal",
            name="none",
            config=NoneConfig,
            target="unistd.core.temporal:NoTemporal",
            summary="No temporal module",
        ),
    ]
