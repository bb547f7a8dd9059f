"""What one training step of a task costs, found out without computing it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from unistd.core.forecaster import Forecaster

Sizes = Sequence[int]


@dataclass(frozen=True, kw_only=True)
class StepCost:
    """One forward and backward pass of one batch.

    Attributes:
        flops: Floating-point operations of products and convolutions, a multiplication and an addition as two.
        memory: Bytes at the fullest moment, of activations, gradients and what lies between, without the model itself.
    """

    flops: int
    memory: int


def step_cost(forecaster: Forecaster, task: str, past: tuple[int, ...], future: tuple[int, ...]) -> StepCost:
    """Run one step of ``task`` on tensors that have shapes (B, T, C, H, W) and (B, T', C', H, W) but no values.

    One window is forecast in earnest first: what modules remember of it, such as positions, is real then.
    """
    was = forecaster.training
    with torch.no_grad():
        forecaster.eval()(task, torch.zeros(1, *past[1:]), torch.zeros(1, *future[1:]))
    forecaster.train(was)
    with FakeTensorMode(allow_non_fake_inputs=True) as fake, flop_counter() as counter:
        own = {name: _like(fake, tensor) for name, tensor in forecaster.state_dict(keep_vars=True).items()}
        frames = torch.empty(past), torch.empty(future)
        with _Living() as living:
            functional_call(forecaster, own, (task, *frames)).backward()
    return StepCost(flops=counter.get_total_flops(), memory=living.most)


def flop_counter() -> FlopCounterMode:
    """Count also what torch's own table lacks: attention on a CPU, and products that add to what is there."""
    aten = torch.ops.aten
    return FlopCounterMode(
        display=False,
        custom_mapping={
            aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
            aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward_flops,
            aten.addmm_: _added_product_flops,
        },
    )


def _attention_flops(query: Sizes, key: Sizes, value: Sizes, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]


def _attention_backward_flops(grad: Sizes, query: Sizes, key: Sizes, value: Sizes, *_: Any, **__: Any) -> int:
    return int(sdpa_backward_flop_count(grad, query, key, value))  # type: ignore[no-untyped-call]


def _added_product_flops(_: Sizes, left: Sizes, right: Sizes, **__: Any) -> int:
    return 2 * left[0] * left[1] * right[1]


def _like(fake: FakeTensorMode, tensor: Tensor) -> Tensor:
    made = fake.from_tensor(tensor.detach())
    return nn.Parameter(made, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else made


class _Living(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the storages that operations make, for as long as they live."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = {storage._cdata for storage in _storages((args, kwargs))}
        out = func(*args, **(kwargs or {}))
        for storage in _storages(out):
            if storage._cdata not in given | self._seen:
                self._add(storage)
        return out

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self._seen.add(key)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size


def _storages(values: Any) -> list[torch.UntypedStorage]:
    return [value.untyped_storage() for value in tree_iter(values) if isinstance(value, Tensor)]
