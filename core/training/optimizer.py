"""AdamW over what learns, with a state that is saved by parameter name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import AdamW as TorchAdamW

from unistd.core.errors import CheckpointError, ModelError
from unistd.core.ranked import ranked_adapters
from unistd.core.training.settings import AdamW

TRUNK = ("backbone.", "model.backbone.")
"""How names of what is in a trunk begin, adapters and temporal modules among it: in pre-training, in a forecaster."""

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def build_optimizer(module: nn.Module, settings: AdamW, rank_lr: float = 0.0) -> TorchAdamW:
    """Make AdamW over every parameter of ``module`` that learns; vectors (biases, norms) are not decayed.

    Args:
        module: What is trained.
        settings: Learning rates, kept as each group's ``initial_lr``, decay and betas.
        rank_lr: Learning rate of experts' ranks, which are in units of their own; they are the last group.

    Raises:
        ModelError: Nothing learns, or nothing in the trunk although it has a learning rate of its own.
    """
    ranks = {id(adapter.rank) for _, adapter in ranked_adapters(module)}
    learning = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
    if not learning:
        raise ModelError(
            "no parameter of the model learns", help="freeze: false, an adapter, or a head with parameters"
        )
    if settings.trunk != 1 and not any(name.startswith(TRUNK) for name, _ in learning):
        raise ModelError(
            f"'trunk: {settings.trunk}' of the optimiser has no effect: nothing in the trunk learns",
            help="leave it out, or choose an adapter",
        )
    groups: list[dict[str, Any]] = []
    for lr, inside in ((settings.lr, False), (settings.lr * settings.trunk, True)):
        own = [p for name, p in learning if name.startswith(TRUNK) is inside and id(p) not in ranks]
        groups += [
            {"params": [p for p in own if p.ndim > 1], "weight_decay": settings.decay, "lr": lr},
            {"params": [p for p in own if p.ndim <= 1], "weight_decay": 0.0, "lr": lr},
        ]
    groups.append({"params": [p for _, p in learning if id(p) in ranks], "weight_decay": 0.0, "lr": rank_lr})
    used = [group for group in groups if group["params"]]
    optimizer = TorchAdamW(used, lr=settings.lr, betas=settings.betas, fused=True)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def optimizer_state(optimizer: TorchAdamW, module: nn.Module) -> dict[str, Tensor]:
    """Return the optimiser's tensors as ``moment/parameter``.

    Raises:
        CheckpointError: It has some of a parameter that is none of ``module``'s.
    """
    named = {id(parameter) for parameter in module.parameters()}
    if strangers := [p for p in optimizer.state if id(p) not in named]:
        raise CheckpointError(
            f"the optimiser keeps state of a parameter '{tuple(strangers[0].shape)}' that is not the model's, so it"
            " would not be in the checkpoint",
            help="a plug-in replaced a parameter while training",
        )
    return {
        f"{moment}/{name}": tensor
        for name, parameter in module.named_parameters()
        for moment, tensor in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer_state(optimizer: TorchAdamW, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put the tensors of ``optimizer_state`` back.

    Raises:
        CheckpointError: A tensor belongs to no parameter that learns.
    """
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if odd := [key for key in tensors if key.partition("/")[0] not in _MOMENTS or "/" not in key]:
        raise CheckpointError(f"the optimiser's '{odd[0]}' is none of AdamW's {', '.join(_MOMENTS)} of a parameter")
    moments = {key.split("/", 1)[0] for key in tensors}
    known = {key.split("/", 1)[1] for key in tensors}
    if missing := sorted({f"{moment}/{name}" for moment in moments for name in known} - set(tensors)):
        raise CheckpointError(f"the checkpoint lacks the optimiser's '{missing[0]}'")
    for key, tensor in tensors.items():
        moment, name = key.split("/", 1)
        if name not in parameters:
            raise CheckpointError(f"the optimiser's '{key}' belongs to no parameter that learns")
        if tensor.ndim and tensor.shape != parameters[name].shape:
            raise CheckpointError(f"the optimiser's '{key}' has another shape than its parameter")
        optimizer.state[parameters[name]][moment] = tensor.to(parameters[name].device)


def compacted_state(
    tensors: Mapping[str, Tensor], kept: Mapping[str, Tensor], learning: Collection[str]
) -> dict[str, Tensor]:
    """Return the tensors of ``optimizer_state`` for parameters that became smaller or ceased to learn.

    Args:
        tensors: The state before.
        kept: The rows kept of each parameter that became smaller.
        learning: The parameters that go on learning.
    """
    state = {}
    for key, tensor in tensors.items():
        name = key.split("/", 1)[1]
        if name in learning:
            state[key] = tensor[kept[name]] if name in kept and tensor.ndim else tensor
    return state
