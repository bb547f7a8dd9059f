"""Several processes that each keep a part of the frozen trunk's weights; what learns is in all of them (FSDP)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard

from unistd.core.errors import UsageError
from unistd.core.forecaster import Forecaster
from unistd.core.processes import this_process
from unistd.core.training.replicas import Replicas, check_equal_weights


class Shards(Replicas):
    """Replicas that gather a block's frozen weights just before they compute with it, and drop them after.

    What learns, experts, temporal modules and heads, is a few hundredths of a large trunk (choice: it stays whole in
    every process). So ranks, averages, optimiser and checkpoints are those of ``Replicas``, and so is every bit of the
    result: frozen weights are only gathered, never summed.
    """

    def setup_module(self, module: nn.Module) -> nn.Module:  # type: ignore[override]
        """Share the frozen weights of ``module``'s trunk out, unless that is done; return it.

        Raises:
            UsageError: The trunk has no weight that is frozen.
        """
        assert isinstance(module, Forecaster)
        trunk = module.model.backbone
        if isinstance(trunk, FSDPModule):
            return module
        learning = {parameter for parameter in trunk.parameters() if parameter.requires_grad}
        if len(learning) == len(list(trunk.parameters())):
            raise UsageError(
                "'--strategy fsdp' shares a frozen trunk's weights out, and this one has none that are frozen",
                help="--strategy ddp",
            )
        check_equal_weights(0, trunk)  # or it would be put together from different ones
        mesh = init_device_mesh(self.root_device.type, (this_process()[1],))
        for part in (*trunk.blocks(), trunk):
            fully_shard(part, mesh=mesh, ignored_params=learning)
        return module


def is_sharded(module: nn.Module) -> bool:
    """Tell whether this process has only a part of the weights of ``module``."""
    return any(isinstance(part, FSDPModule) for part in module.modules())


@contextmanager
def whole(module: nn.Module) -> Iterator[None]:
    """Let every process have all weights of ``module`` meanwhile, so that each can compute without the others.

    All of them have to enter it.
    """
    unite(module)
    try:
        yield
    finally:
        for part in _sharded(module):
            part.reshard()
            part.set_reshard_after_forward(True, recurse=False)


def unite(module: nn.Module) -> None:
    """Give every process all weights of ``module`` for good; nothing to do where they are not shared out."""
    for part in _sharded(module):
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()


def _sharded(module: nn.Module) -> list[FSDPModule]:
    return [part for part in module.modules() if isinstance(part, FSDPModule)]
