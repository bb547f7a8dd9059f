"""Several processes that each keep a part of the frozen trunk's weights; what learns is in all of them (FSDP)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy

from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from unistd.core.errors import UsageError
from unistd.core.forecaster import Forecaster
from unistd.core.processes import this_process
from unistd.core.training.replicas import Replicas, check_equal_weights


class Shards(Replicas):
    """Replicas that gather a block's frozen weights just before they compute with it, and drop them after.

    What learns, experts, temporal modules and heads, is a few hundredths of a large trunk (choice: it stays whole in
    every process). So ranks, averages, optimiser and checkpoints are those of ``Replicas``, and so is every bit of the
    result: frozen weights are only gathered, never summed.

    Training computes with a second trunk round the same experts, of which each process has its part. The weights of
    the first one are there only inside of ``whole``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._computing: Forecaster | None = None
        self._frozen: list[tuple[nn.Parameter, nn.Parameter]] = []

    def setup_module(self, module: nn.Module) -> nn.Module:  # type: ignore[override]
        """Return what computes as ``module`` does, with the frozen weights of its trunk shared out.

        Raises:
            ModelError: The processes do not have the same weights.
        """
        if self._computing is None:
            assert isinstance(module, Forecaster)
            check_equal_weights(0, module)  # or a trunk would be put together from different ones
            self._computing = _twin(module)
            self._share_out(module, self._computing)
        return self._computing

    def _share_out(self, module: Forecaster, twin: Forecaster) -> None:
        trunk, own = twin.model.backbone, dict(module.model.backbone.named_parameters())
        learning = {parameter for parameter in trunk.parameters() if parameter.requires_grad}
        mesh = init_device_mesh(self.root_device.type, (this_process()[1],))
        for part in (*trunk.blocks(), trunk):
            fully_shard(part, mesh=mesh, ignored_params=learning)
        self._frozen = [(own[path], shard) for path, shard in trunk.named_parameters() if _frozen(shard)]
        self._drop()

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Let every process have all frozen weights meanwhile; all of them have to enter it."""
        self.unite()
        try:
            yield
        finally:
            self._drop()

    def unite(self) -> None:
        """Give every process all frozen weights for good; all of them have to call this."""
        for own, shard in self._frozen:
            own.data = shard.full_tensor()  # type: ignore[attr-defined]

    def _drop(self) -> None:
        for own, _ in self._frozen:
            own.data = own.data.new_empty(0)


def check_frozen(forecaster: Forecaster) -> None:
    """Make sure that there is something to share out.

    Raises:
        UsageError: The trunk has no weight that is frozen.
    """
    if not any(_frozen(parameter) for parameter in forecaster.model.trunk_parameters().values()):
        raise UsageError(
            "'--strategy fsdp' shares a frozen trunk's weights out, and this one has none that are frozen",
            help="--strategy ddp",
        )


def whole(fabric: Fabric) -> AbstractContextManager[None]:
    """Let the model that ``fabric`` trains have all its weights meanwhile; all processes have to enter it."""
    return fabric.strategy.whole() if isinstance(fabric.strategy, Shards) else nullcontext()


def unite(fabric: Fabric) -> None:
    """Let the model that ``fabric`` trained have all its weights for good; all processes have to call this."""
    if isinstance(fabric.strategy, Shards):
        fabric.strategy.unite()


def _frozen(parameter: Tensor) -> bool:
    return not parameter.requires_grad


def _twin(module: Forecaster) -> Forecaster:
    """Return a second ``module`` of the same tensors, and the same parts where none of a part's weights is frozen."""
    shared: list[Tensor | nn.Module] = [*module.parameters(), *module.buffers()]
    shared += [part for part in module.modules() if not any(map(_frozen, part.parameters()))]
    return deepcopy(module, {id(each): each for each in shared}).train()
