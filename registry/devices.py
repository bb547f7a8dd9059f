"""The devices and processes a command computes on."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Literal, NamedTuple

from unistd.core.errors import UsageError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Strategy = Literal["ddp", "fsdp"]
Precision = Literal["fp32", "bf16"]
FABRIC: dict[str, Literal["32-true", "bf16-mixed"]] = {"fp32": "32-true", "bf16": "bf16-mixed"}


class Placement(NamedTuple):
    """How many processes torchrun, or ``unistd`` itself, started: here on each machine, and in all."""

    local: int = 1
    world: int = 1


def placement() -> Placement:
    """Return what the environment says about the processes this one belongs to."""
    world = int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1
    return Placement(int(os.environ.get("LOCAL_WORLD_SIZE", world)), world)


def check_strategy(strategy: Strategy | None, processes: int) -> None:
    """Make sure that there are processes for ``strategy``.

    Raises:
        UsageError: There is a single one.
    """
    if strategy and processes == 1:
        raise UsageError(
            f"'--strategy {strategy}' has no effect on one process", help="add --devices N, or start it by torchrun"
        )


def open_fabric(precision: Precision = "fp32", strategy: Strategy | None = None) -> Fabric:
    """Return this process's device with the arithmetic a spec asks for, and join the others where there are any.

    They share the work by ``strategy``, "ddp" by default.

    Raises:
        UsageError: There are fewer GPUs than processes, or a single process has a strategy.
    """
    import torch
    from lightning_fabric import Fabric

    from unistd.core.training.replicas import Replicas
    from unistd.core.training.shards import Shards

    local, world = placement()
    if world == 1:
        check_strategy(strategy, 1)
        return Fabric(accelerator="auto", devices=1, precision=FABRIC[precision])
    if 0 < torch.cuda.device_count() < local:
        raise UsageError(
            f"'{local}' processes on a machine with {torch.cuda.device_count()} GPUs",
            help=f"--devices {torch.cuda.device_count()}",
        )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets every process
    fabric = Fabric(
        accelerator="auto",
        devices=local,
        num_nodes=world // local,
        strategy=Shards() if strategy == "fsdp" else Replicas(),
        precision=FABRIC[precision],
    )
    fabric.launch()
    return fabric
