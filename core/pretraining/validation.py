"""The score a pre-trained trunk is chosen by: held-out loss ÷ that of the best constant answer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch

from unistd.core.errors import UnistdError
from unistd.core.pretraining.objective import HeldOut, Objective
from unistd.core.pretraining.reader import StillBatch, held_out
from unistd.core.pretraining.stills import FrameSource
from unistd.core.training.validation import Validation


@torch.inference_mode()
def score(
    objective: Objective, sources: Mapping[str, FrameSource], most: int, batches: Mapping[str, int]
) -> dict[str, HeldOut]:
    """Score ``objective`` on at most ``most`` validation frames of every source, ``batches[source]`` at a time.

    Raises:
        UnistdError: A loss is not finite.
    """
    objective.eval()
    found = {}
    for name, source in sources.items():
        found[name] = objective.held_out(_on(objective, held_out(name, source, most, batches[name])))
        if not math.isfinite(found[name].loss):
            raise UnistdError(
                f"the held-out loss of '{name}' is not finite", help="start anew with a lower training.optimizer.lr"
            )
    objective.train()
    return found


def as_validation(found: Mapping[str, HeldOut]) -> Validation:
    """Return the scores as those of joint training are, whose mean ratio chooses."""
    return Validation(
        {name: own.loss for name, own in found.items()}, {name: own.reference for name, own in found.items()}
    )


def _on(objective: Objective, batches: Iterator[StillBatch]) -> Iterator[StillBatch]:
    device = next(objective.parameters()).device
    for batch in batches:
        yield batch._replace(frames=batch.frames.to(device), labels=batch.labels.to(device))
