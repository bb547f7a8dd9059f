"""State that a checkpoint would miss: what changes in a module while it trains and is no parameter or buffer."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unistd.core.errors import CheckpointError

_OF_TORCH = frozenset(vars(nn.Module()))


class StateWatch:
    """Remembers what ``module`` keeps outside of parameters and buffers: tensors, generators, numbers.

    A buffer with ``persistent=False`` is declared to be derived from others, and left alone.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._before = dict(_unregistered(module))

    def check(self) -> None:
        """Make sure that none of it has changed.

        Raises:
            CheckpointError: Something has; names it.
        """
        now = dict(_unregistered(self._module))
        if changed := sorted(name for name in now if now[name] != self._before.get(name)):
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            raise CheckpointError(
                f"'{changed[0]}'{more} changes while training but would not be in the checkpoint",
                help="its plug-in has to register_buffer it; persistent=False is for what follows from others",
            )


def _unregistered(module: nn.Module) -> Iterator[tuple[str, Any]]:
    own = {id(tensor) for part in module.modules() for tensor in [*part._parameters.values(), *part._buffers.values()]}
    parts = {id(part) for part in module.modules()}
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if name in _OF_TORCH:
                continue
            for key, item in _items(f"{path}.{name}".lstrip("."), value):
                if id(item) not in own and id(item) not in parts and (state := _state(item)) is not None:
                    yield key, state


def _items(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"{name}[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"{name}[{index}]", item) for index, item in enumerate(value))
    else:
        yield name, value


def _state(value: Any) -> Any:
    """Return what two equal states have in common, ``None`` for what has no state of interest."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, Tensor):
        data = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        return hashlib.sha256(data.numpy().tobytes()).digest()
    if isinstance(value, torch.Generator):
        return _state(value.get_state())
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, nn.Module):  # out of sight of its owner, in a list
        return [_state(tensor) for tensor in value.state_dict().values()]
    return None
