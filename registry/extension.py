"""A run that adds tasks to another one: what was learned is taken over, and frozen or rehearsed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from unistd.core.errors import CheckpointError, ModelError, UsageError
from unistd.core.forecaster import Forecaster
from unistd.core.model import UnifiedModel
from unistd.core.ranked import ranked_adapters, ranks_are_fixed
from unistd.core.training.state import copy_strictly, resize
from unistd.core.training.trunk_file import trunk_digest
from unistd.registry.registry import Registry
from unistd.registry.run_spec import RunSpec

NO_ADAPTER = "none"


def extend_model(spec: RunSpec, registry: Registry, model: UnifiedModel, router: Callable[..., Any]) -> None:
    """Place the adapters that each extension of ``spec`` added, and freeze what the last one keeps as it is.

    Raises:
        UsageError: An adapter cannot be added.
    """
    for number, extension in enumerate(spec.extends):
        later = spec.extends[number + 1].tasks if number + 1 < len(spec.extends) else spec.tasks
        if extension.adapter.kind != NO_ADAPTER:
            own = partial(registry.factory("adapter", extension.adapter), router=router)
            model.add_adapter(own, [name for name in later if name not in extension.tasks])
    if spec.extends and spec.extends[-1].replay is None:
        for name, parameter in model.named_parameters():
            if not _is_new(spec, name):
                parameter.requires_grad_(False)
        old = (module for name, module in model.named_modules() if not _is_new(spec, f"{name}."))
        model.keep_still(module for module in old if isinstance(module, nn.modules.batchnorm._BatchNorm))


def taken_over(spec: RunSpec, forecaster: Forecaster) -> dict[str, Tensor]:
    """Return all tensors of ``forecaster`` that it has from the run it extends, by name."""
    whole = forecaster.state_dict(keep_vars=True)
    return {name: tensor for name, tensor in whole.items() if not _is_new(spec, name.removeprefix("model."))}


def take_over(spec: RunSpec, forecaster: Forecaster, base: Forecaster) -> None:
    """Give ``forecaster`` everything that the run it extends has learned.

    Raises:
        UsageError: That run's experts still learn their ranks.
        CheckpointError: It is not the run that was extended.
    """
    extension = spec.extends[-1]
    if any(True for _ in ranked_adapters(base)) and not ranks_are_fixed(base):
        raise UsageError(
            f"the experts of the run in '{extension.run}' still learn their ranks",
            help="train it to the end of its rank phase, or take '--checkpoint last'",
        )
    if weights_digest(base) != extension.weights:
        raise CheckpointError(
            f"the {extension.checkpoint} weights of the run are not those that were extended: their hash is"
            f" '{weights_digest(base)}'",
            where=str(extension.run),
            help="put the run back as it was, or extend it anew into another folder",
        )
    resize(forecaster, base.state_dict(), fixed=ranks_are_fixed(base))
    copy_strictly(base.state_dict(), taken_over(spec, forecaster))


def check_kept(spec: RunSpec, forecaster: Forecaster) -> None:
    """Prove that what the last extension of ``spec`` froze is what it was, to the bit.

    Raises:
        ModelError: It is not.
    """
    if spec.extends and spec.extends[-1].replay is None:
        kept = trunk_digest(taken_over(spec, forecaster))
        if kept != spec.extends[-1].weights:
            raise ModelError(
                "what was taken over from the extended run changed, though it is frozen",
                help="a plug-in writes to it; look at 'unistd plugins list'",
            )


def weights_digest(forecaster: Forecaster) -> str:
    """Return a hash of all tensors of ``forecaster``."""
    return trunk_digest(forecaster.state_dict(keep_vars=True))


def _is_new(spec: RunSpec, name: str) -> bool:
    """Tell whether the last extension brought the tensor ``name`` of the model, or of its normalisations."""
    number = sum(extension.adapter.kind != NO_ADAPTER for extension in spec.extends[:-1])
    heads = tuple(f"{group}.{task}." for task in spec.added for group in ("heads", "normalizations"))
    return name.startswith(heads) or (spec.extends[-1].adapter.kind != NO_ADAPTER and f".added.{number}." in name)
