"""Low-rank experts beside frozen linear maps: ``ra-moe``, ``lora``, ``none``."""

from __future__ import annotations

from unistd.plugins.adapter_ra_moe.config import LoraConfig, NoneConfig, RaMoeConfig
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the adapters."""
    return [
        Component(
            kind="adapter",
            name="ra-moe",
            config=RaMoeConfig,
            target="unistd.plugins.adapter_ra_moe.family:ra_moe",
            summary="Rank-adaptive mixture of low-rank experts, routed per token",
        ),
        Component(
            kind="adapter",
            name="lora",
            config=LoraConfig,
            target="unistd.plugins.adapter_ra_moe.family:lora",
            summary="One low-rank expert of fixed rank, without a router",
        ),
        Component(
            kind="adapter",
            name="none",
            config=NoneConfig,
            target="unistd.plugins.adapter_ra_moe.family:none",
            summary="No adapter: only heads and temporal modules learn",
        ),
    ]
