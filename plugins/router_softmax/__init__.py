"""The router of the paper: ``softmax``, with optional top-k."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from unistd.registry.component import Component, Config
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


class SoftmaxConfig(Config):
    """Options of ``softmax``."""

    top_k: Annotated[int, Field(ge=1)] | None = None
    """Experts that may speak for a token, their weights renormalised; all of them by default."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Divides the scores: below 1 one expert wins, above 1 all say the same."""
    balance: Annotated[float, Field(ge=0)] = 0.0
    """Strength of the load-balance term every site adds to the loss; 0.01 is usual."""


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the router."""
    return [
        Component(
            kind="router",
            name="softmax",
            config=SoftmaxConfig,
            target="unistd.plugins.router_softmax.softmax:SoftmaxRouter",
            summary="Linear map of the token, softmax over the experts; optional top-k, temperature, load balance",
        )
    ]
