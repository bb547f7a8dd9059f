"""Low-rank experts beside frozen linear maps: ``ra-moe``, ``moe-lora``, ``lora``; and ``full``, ``none``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unistd.core.errors import UsageError
from unistd.plugins.adapter_ra_moe.config import FullConfig, LoraConfig, MoeLoraConfig, NoneConfig, RaMoeConfig
from unistd.registry.component import Component, Config
from unistd.registry.hooks import SpecIssue, hookimpl

if TYPE_CHECKING:
    from unistd.registry.run_spec import RunSpec

PLUGIN_API = 1


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the adapters."""
    return [
        _adapter("ra-moe", RaMoeConfig, "Mixture of low-rank experts, routed per token, whose ranks are learned"),
        _adapter("moe-lora", MoeLoraConfig, "Mixture of low-rank experts of fixed rank, routed per token"),
        _adapter("lora", LoraConfig, "One low-rank expert of fixed rank, without a router"),
        _adapter("full", FullConfig, "No adapter: the trunk's own weights learn"),
        _adapter("none", NoneConfig, "No adapter: only heads and temporal modules learn"),
    ]


@hookimpl
def unistd_check_spec(spec: RunSpec) -> Iterator[SpecIssue]:
    """Say whether the rank phase would outlast the training, as far as that is known without data."""
    config = spec.model.adapter.config
    if spec.extends:  # what is extended has fixed its ranks
        return
    if isinstance(config, RaMoeConfig) and config.rank.phase.epochs is None:
        try:
            config.rank.phase.length(spec.training.steps, epoch=1)
        except UsageError as error:
            yield SpecIssue(("model", "adapter", "rank", "phase"), error.message, error.help)


def _adapter(name: str, config: type[Config], summary: str) -> Component:
    target = f"unistd.plugins.adapter_ra_moe.family:{name.replace('-', '_')}"
    return Component(kind="adapter", name=name, config=config, target=target, summary=summary)
