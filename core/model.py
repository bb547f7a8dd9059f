"""The one model of all tasks: heads round a shared trunk."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Self, cast

import torch
from torch import Tensor, nn

from unistd.core.adapter import AdaptedLinear, AdapterFactory, Site
from unistd.core.backbone import Backbone
from unistd.core.errors import ModelError, UsageError
from unistd.core.head import TaskHead
from unistd.core.position import sine_cosine_2d
from unistd.core.ranked import RankedAdapter
from unistd.core.temporal import TemporalFactory, TemporalModule


class UnifiedModel(nn.Module):
    """Frames of any of its tasks in, forecasts of that task out, through one trunk (method §2).

    Args:
        backbone: The trunk, frozen or not; its parameters are taken as they are.
        heads: One head per task.
        adapter: Makes the adapters of all sites; ``None`` for none.
        temporal: Makes the temporal module of each block; ``None`` for none.

    Raises:
        ModelError: An adapter is made for a site that is not there, or there is no head.
        UsageError: A task has a name a module cannot have, or there is no block for the temporal module.
    """

    def __init__(
        self,
        backbone: Backbone,
        heads: Mapping[str, TaskHead],
        adapter: AdapterFactory | None = None,
        temporal: TemporalFactory | None = None,
    ) -> None:
        super().__init__()
        if not heads:
            raise ModelError("a model needs at least one task head, got none")
        self._trunk = dict(backbone.named_parameters())  # by their names before anything was placed beside them
        check_names("task", heads)
        self.backbone = backbone
        self.heads = nn.ModuleDict(heads)
        self._sites: dict[str, Site] = {}
        self._extended: list[AdaptedLinear] = []
        self._still: tuple[nn.Module, ...] = ()
        if temporal is not None:
            self._place_temporal(temporal)
        if adapter is not None:
            self._place(adapter)

    def _place_temporal(self, temporal: TemporalFactory) -> None:
        blocks = self.backbone.blocks()
        for block in blocks:
            block.temporal = temporal(self.backbone.width)
        if not blocks and count_parameters(temporal(self.backbone.width))[0]:  # without any it is the identity
            raise UsageError("the trunk has no block to place a temporal module in", help="choose temporal 'none'")

    def _place(self, adapter: AdapterFactory) -> None:
        sites = {site.name: self._as_it_is(site) for site in [*self.backbone.sites(), *self._temporal_sites()]}
        self._sites = sites
        for name, module in adapter(list(sites.values())).items():
            if name not in sites:
                raise ModelError(
                    f"an adapter was made for '{name}', which is no site of the trunk", help=", ".join(sites)
                )
            linear = cast(nn.Linear, self.backbone.get_submodule(name))
            self.backbone.set_submodule(name, AdaptedLinear(linear, module))

    def add_adapter(self, adapter: AdapterFactory, tasks: Collection[str]) -> None:
        """Place more adapters, which only ``tasks`` go through, beside those there are.

        Raises:
            UsageError: There is no adapter at one of their sites, or their ranks would have to be learned.
        """
        for name, module in adapter(list(self._sites.values())).items():
            place = self.backbone.get_submodule(name)
            if not isinstance(place, AdaptedLinear):
                raise UsageError(
                    f"nothing can be added at '{name}', which has no adapter", help="add at sites that have one"
                )
            if isinstance(module, RankedAdapter) and module.plan is not None:
                raise UsageError(
                    "ranks of adapters that are added do not learn", help="choose one of fixed rank, such as 'moe-lora'"
                )
            place.add(module, tasks)
        self._extended = [part for part in self.backbone.modules() if isinstance(part, AdaptedLinear) and part.added]
        if not self._extended:
            raise UsageError("no linear map got an added adapter", help="choose an adapter that makes some")

    def _as_it_is(self, site: Site) -> Site:
        linear = cast(nn.Linear, self.backbone.get_submodule(site.name))
        return replace(site, learns=linear.weight.requires_grad)

    def _temporal_sites(self) -> Iterator[Site]:
        for path, module in self.backbone.named_modules():
            if isinstance(module, TemporalModule):
                yield from (replace(site, name=f"{path}.{site.name}") for site in module.sites())

    def trunk_parameters(self) -> dict[str, nn.Parameter]:
        """Return the backbone's own parameters, without adapters and temporal modules, by their original names."""
        return dict(self._trunk)

    def keep_still(self, modules: Iterable[nn.Module]) -> None:
        """Let ``modules`` stay in inference mode, also in training: their running statistics do not learn."""
        self._still = tuple(modules)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Put all but what is kept still into training mode, or all into inference mode."""
        super().train(mode)
        for module in self._still:
            module.eval()
        return self

    def forward(self, x: Tensor, task: str) -> Tensor:
        """Forecast ``task`` from normalised frames ``x`` (B, T, C, H, W) as normalised frames (B, T', C', H, W).

        Raises:
            UsageError: The model has no such task.
        """
        if task not in self.heads:
            raise UsageError(f"the model has no task '{task}'", help=f"it has {', '.join(self.heads)}")
        head = cast(TaskHead, self.heads[task])
        encoded = head.encode(x)
        for part in self._extended:
            part.task = task
        positions = sine_cosine_2d(encoded.grid, self.backbone.width, encoded.tokens.device)
        if not torch.is_autocast_enabled(x.device.type):  # there the sum over blocks stays in float32, as in timm
            positions = positions.to(encoded.tokens.dtype)
        tokens = self.backbone(encoded.tokens + positions, encoded.grid)
        return head.decode(encoded._replace(tokens=tokens))


def check_names(what: str, names: Iterable[str]) -> None:
    """Make sure that modules can be kept under ``names``.

    Raises:
        UsageError: One is a name a module cannot have.
    """
    for name in names:
        if hasattr(nn.ModuleDict, name) or "." in name:
            raise UsageError(f"a {what} cannot be named '{name}'", help=f"'{name}-{what}', for one")


def count_parameters(module: nn.Module) -> tuple[int, int]:
    """Return how many parameters ``module`` has and how many of them learn."""
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return sum(n for n, _ in sizes), sum(n for n, learns in sizes if learns)


def freeze(module: nn.Module) -> None:
    """Stop every parameter of ``module`` from learning and switch it to inference."""
    module.requires_grad_(requires_grad=False)
    module.eval()
