"""Several processes that train one model, each with all weights and its share of every batch (method §6)."""

from __future__ import annotations

from datetime import timedelta

import torch
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn

from unistd.core.data.batches import Batch
from unistd.core.errors import ModelError
from unistd.core.processes import add_up, gathered, gathered_numbers, this_process

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others; the first one may write a large checkpoint meanwhile (choice)."""


class Replicas(DDPStrategy):
    """Fabric's data parallelism without torch's wrapper, which would exchange the gradients of all tasks' heads.

    All processes draw the same task at a step, so only what that task uses has a gradient; ``Exchange`` averages just
    that, in one message.
    """

    def __init__(self) -> None:
        # Whole numbers about a step go between processors, without waiting for a GPU.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        super().__init__(process_group_backend=backend, timeout=PATIENCE)

    def setup_module(self, module: nn.Module) -> nn.Module:  # type: ignore[override]
        """Return ``module`` as it is."""
        return module


def share_statistics(module: nn.Module) -> None:
    """Give every process the running statistics of the first one's batch norms, as torch's wrapper does."""
    if this_process()[1] > 1:
        for part in module.modules():
            for buffer in part.buffers() if isinstance(part, nn.modules.batchnorm._BatchNorm) else ():
                torch.distributed.broadcast(buffer, 0)


class Exchange:
    """What the processes tell each other at every step of training ``module``; one alone tells nobody anything.

    Args:
        module: What is trained; made anew when its parameters are replaced.
        tasks: Names of all tasks, in the order of all processes.
    """

    def __init__(self, module: nn.Module, tasks: list[str]) -> None:
        self.rank, self.count = this_process()
        self._tasks = tasks
        self._learning = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        self._used: dict[str, list[str]] = {}

    def valid(self, step: int, batch: Batch) -> int:
        """Return the number of valid target pixels in the batches of all processes.

        Raises:
            ModelError: Another process works on another step or task.
            ProcessLostError: Another process is gone.
        """
        rows = gathered_numbers(step, self._tasks.index(batch.task), batch.valid)
        for rank, (other, task, _) in enumerate(rows):
            if [other, task] != rows[0][:2]:
                raise ModelError(
                    f"process '{rank}' is at step {other} with task '{self._tasks[task]}', the first one at step"
                    f" {rows[0][0]} with '{self._tasks[rows[0][1]]}'",
                    help="start all processes with the same spec and versions",
                )
        return sum(row[2] for row in rows)

    def average(self, task: str, loss: Tensor) -> Tensor:
        """Replace the gradients of a step of ``task`` by their mean over the processes; return that of ``loss``.

        Raises:
            ModelError: The gradient reaches other parameters here than it does elsewhere.
            ProcessLostError: Another process is gone.
        """
        if self.count == 1:
            return loss
        gradients = {name: p.grad for name, p in self._learning if p.grad is not None}
        self._check_used(task, list(gradients))
        whole = torch.cat([loss.reshape(1), *(own.reshape(-1) for own in gradients.values())])
        add_up(whole)
        whole /= self.count
        parts = torch.split(whole, [1, *(own.numel() for own in gradients.values())])
        for own, part in zip(gradients.values(), parts[1:], strict=True):
            own.copy_(part.view_as(own))
        return whole[0]

    def _check_used(self, task: str, names: list[str]) -> None:
        if task not in self._used:  # by all processes at the same step
            for rank, others in enumerate(gathered(names)):
                if others != names:
                    raise self._differs(task, f"in process '{rank}'", set(others) ^ set(names))
            self._used[task] = names
        elif self._used[task] != names:
            raise self._differs(task, "before", set(self._used[task]) ^ set(names))

    def _differs(self, task: str, elsewhere: str, names: set[str]) -> ModelError:
        return ModelError(
            f"the gradient of task '{task}' reaches other parameters in process {self.rank} than {elsewhere}:"
            f" '{min(names)}' for one",
            help="a plug-in chooses by its input what takes part; train in one process, or let all of it take part",
        )


def check_equal_weights(step: int, module: nn.Module) -> None:
    """Make sure that all processes have the same bits in every parameter of ``module``.

    Raises:
        ModelError: They have not; names a process and the first parameter that differs.
        ProcessLostError: Another process is gone.
    """
    if this_process()[1] == 1:
        return
    names = [name for name, _ in module.named_parameters()]
    rows = gathered_numbers(*(_checksum(parameter.detach()) for parameter in module.parameters()))
    for rank, row in enumerate(rows):
        odd = [name for name, own, wanted in zip(names, row, rows[0], strict=True) if own != wanted]
        if odd:
            raise ModelError(
                f"after step {step} process '{rank}' has other weights than process 0: '{odd[0]}'"
                + (f" and {len(odd) - 1} more" if len(odd) > 1 else ""),
                help="something in the model is computed differently there; --resume goes on from the last checkpoint",
            )


def _checksum(tensor: Tensor) -> int:
    bits = tensor.contiguous().reshape(-1).view(torch.uint8 if tensor.element_size() % 4 else torch.int32)
    place = torch.arange(1, len(bits) + 1, device=bits.device) % 65521  # so that two values that swap places show
    return int((bits.long() * place).sum())
