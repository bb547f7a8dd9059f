"""AdamW over what learns, with a state that is saved by parameter name."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.optim import AdamW as TorchAdamW

from unistd.core.errors import CheckpointError, ModelError
from unistd.core.training.settings import AdamW


def build_optimizer(module: nn.Module, settings: AdamW) -> TorchAdamW:
    """Make AdamW over every parameter of ``module`` that learns; vectors (biases, norms) are not decayed.

    Raises:
        ModelError: Nothing learns.
    """
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not learning:
        raise ModelError(
            "no parameter of the model learns", help="freeze: false, an adapter, or a head with parameters"
        )
    groups = [
        {"params": [p for p in learning if p.ndim > 1], "weight_decay": settings.decay},
        {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0},
    ]
    used = [group for group in groups if group["params"]]
    return TorchAdamW(used, lr=settings.lr, betas=settings.betas, fused=True)


def optimizer_state(optimizer: TorchAdamW, module: nn.Module) -> dict[str, Tensor]:
    """Return the optimiser's tensors as ``moment/parameter``."""
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
    for key, tensor in tensors.items():
        moment, name = key.split("/", 1)
        if name not in parameters:
            raise CheckpointError(f"the optimiser's '{key}' belongs to no parameter that learns")
        optimizer.state[parameters[name]][moment] = tensor.to(parameters[name].device)
