"""Everything of a run that has state: gathered into a checkpoint and put back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from unistd.core.errors import CheckpointError
from unistd.core.forecaster import Forecaster
from unistd.core.processes import gathered, this_process
from unistd.core.training.average import averaged
from unistd.core.training.checkpoint import Checkpoint
from unistd.core.training.optimizer import load_optimizer_state, optimizer_state
from unistd.core.training.rank_phase import adopt_ranks


def trunk_is_frozen(forecaster: Forecaster) -> bool:
    """Tell whether no parameter of the trunk learns."""
    return not any(p.requires_grad for p in forecaster.model.trunk_parameters().values())


def learned_tensors(forecaster: Forecaster) -> dict[str, Tensor]:
    """Return parameters and buffers by name, without those of a frozen trunk, which the run keeps in a file of its
    own.
    """
    kept_apart = set(map(id, forecaster.model.trunk_parameters().values())) if trunk_is_frozen(forecaster) else set()
    return {
        name: tensor for name, tensor in forecaster.state_dict(keep_vars=True).items() if id(tensor) not in kept_apart
    }


def gather(
    step: int,
    forecaster: Forecaster,
    optimizer: AdamW,
    state: Mapping[str, Any],
    average: Mapping[str, Tensor] | None = None,
) -> Checkpoint:
    """Collect the state after ``step`` steps, with the ``average`` of the weights where there is one."""
    return snapshot(step, forecaster, learned_tensors(forecaster), optimizer, state, average)


def snapshot(
    step: int,
    module: nn.Module,
    model: Mapping[str, Tensor],
    optimizer: AdamW,
    state: Mapping[str, Any],
    average: Mapping[str, Tensor] | None = None,
) -> Checkpoint:
    """Collect the tensors ``model`` of ``module``, those of its optimiser, and the state of random numbers.

    Raises:
        CheckpointError: The model or the optimiser has state that no tensor of a name holds.
    """
    if odd := sorted(name for name, value in model.items() if not isinstance(value, Tensor)):
        raise CheckpointError(
            f"'{odd[0]}' is no tensor, so it would not be in the checkpoint",
            help="its plug-in has to keep it with self.register_buffer",
        )
    tensors = {
        "model": model,
        "optimizer": optimizer_state(optimizer, module),
        "random": random_states(),
        **({} if average is None else {"average": average}),
    }
    return Checkpoint(step=step, tensors=tensors, state=state)


def restore_model(checkpoint: Checkpoint, forecaster: Forecaster) -> None:
    """Put the model's tensors back, strictly, into experts of the size they had then; what does not learn stays so.

    Raises:
        CheckpointError: A tensor is missing, superfluous or of another shape.
    """
    resize(forecaster, checkpoint.tensors["model"], fixed=checkpoint.state["ranks_fixed"])
    copy_strictly(checkpoint.tensors["model"], learned_tensors(forecaster))


def resize(module: nn.Module, stored: Mapping[str, Tensor], *, fixed: bool) -> None:
    """Give the experts of ``module`` the size that ``stored`` tensors have; what does not learn stays so.

    Raises:
        CheckpointError: The stored ranks are not those of these experts.
    """
    still = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    adopt_ranks(module, stored, fixed=fixed)
    for name, parameter in module.named_parameters():
        if name in still:
            parameter.requires_grad_(False)


def use_average(checkpoint: Checkpoint, forecaster: Forecaster) -> bool:
    """Give a restored model the averaged weights of ``checkpoint``; tell whether there are any.

    Raises:
        CheckpointError: An average is missing, superfluous or of another shape.
    """
    if "average" not in checkpoint.tensors:
        return False
    copy_strictly(checkpoint.tensors["average"], averaged(forecaster))
    return True


def copy_strictly(stored: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Copy ``stored`` into the tensors ``own`` of the same names.

    Raises:
        CheckpointError: A tensor is missing, superfluous or of another shape.
    """
    missing, extra = sorted(set(own) - set(stored)), sorted(set(stored) - set(own))
    resized = sorted(name for name in set(own) & set(stored) if own[name].shape != stored[name].shape)
    for problem, names in (("lacks", missing), ("has no place for", extra), ("has another shape of", resized)):
        if names:
            subject = "the model" if problem == "has no place for" else "the checkpoint"
            raise CheckpointError(
                f"{subject} {problem} '{names[0]}'" + (f" and {len(names) - 1} more" if len(names) > 1 else ""),
                help="use the spec and plug-in versions of the run, as its spec.json names them",
            )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(stored[name])


def restore_progress(checkpoint: Checkpoint, module: nn.Module, optimizer: AdamW) -> None:
    """Put the states of the optimiser, made for a restored model, and of random numbers back."""
    load_optimizer_state(optimizer, module, checkpoint.tensors["optimizer"])
    restore_random(checkpoint.tensors["random"])


def random_states() -> dict[str, Tensor]:
    """Return the state of random numbers of every process; those of the first one have plain names."""
    own = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        own["cuda"] = torch.cuda.get_rng_state()
    everybody = enumerate(gathered(own))
    return {f"{kind}.{rank}" if rank else kind: state for rank, states in everybody for kind, state in states.items()}


def begin_random(seed: int) -> None:
    """Begin the random numbers of a run; each process draws its own, for its own windows."""
    torch.manual_seed(seed)
    rank, _ = this_process()
    if rank:
        _draw_apart(rank)


def _draw_apart(rank: int) -> None:
    torch.manual_seed(int(torch.randint(2**62, ())) + rank)


def restore_random(states: Mapping[str, Tensor]) -> None:
    """Go on with this process's random numbers; a process more than there were begins its own with the first one's."""
    rank, _ = this_process()
    suffix = f".{rank}" if rank else ""
    try:
        torch.set_rng_state(states.get(f"cpu{suffix}", states["cpu"]))
    except (KeyError, RuntimeError, TypeError) as error:
        raise CheckpointError(f"the checkpoint's state of random numbers is none: {error}") from error
    if f"cpu{suffix}" not in states:
        _draw_apart(rank)
    elif torch.cuda.is_available() and f"cuda{suffix}" in states:
        torch.cuda.set_rng_state(states[f"cuda{suffix}"])
