"""The joint training loop: one step is one batch of one task (method §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import AdamW

from unistd.core.data.batches import Batch, BatchReader
from unistd.core.data.prefetch import Prefetcher
from unistd.core.data.windows import Windows
from unistd.core.forecaster import Forecaster
from unistd.core.training.checkpoint import Checkpoint
from unistd.core.training.interrupt import StopRequest
from unistd.core.training.learning_rate import rate
from unistd.core.training.log import JsonLines
from unistd.core.training.optimizer import build_optimizer
from unistd.core.training.progress import Progress
from unistd.core.training.run_folder import RunFolder
from unistd.core.training.settings import TrainingSettings
from unistd.core.training.state import gather, restore
from unistd.core.training.tally import Tally
from unistd.core.training.validation import validate


@dataclass(frozen=True)
class Outcome:
    """Where a run stands: the last step done, the best one, and the signal that stopped it, if one did."""

    step: int
    best: Mapping[str, Any]
    stopped_by: str = ""


class JointTraining:
    """Trains a ``Forecaster`` on all tasks at once; the test split is not in reach of it.

    Args:
        forecaster: What is trained.
        reader: Gives the batch of a step, as a pure function of the step.
        validation: Validation windows of each task; the best checkpoint is chosen by them.
        settings: Steps, optimiser, schedule, checkpoints.
        run: Where log and checkpoints go.
        fabric: Device and precision.
        progress: What the user sees meanwhile.
    """

    def __init__(
        self,
        forecaster: Forecaster,
        reader: BatchReader,
        validation: Mapping[str, Windows],
        settings: TrainingSettings,
        run: RunFolder,
        fabric: Fabric,
        progress: Progress,
    ) -> None:
        self.forecaster = forecaster
        self.reader = reader
        self.validation = validation
        self.settings = settings
        self.run = run
        self.fabric = fabric
        self.progress = progress
        self.learning = [p for p in forecaster.parameters() if p.requires_grad]
        self.best: dict[str, Any] = {}

    def fit(self, checkpoint: Checkpoint | None = None) -> Outcome:
        """Train from ``checkpoint``, or from the start, to ``settings.steps``; Ctrl-C stops after a checkpoint.

        Raises:
            UnistdError: A loss or gradient is not finite.
            CheckpointError: A checkpoint cannot be written, or ``checkpoint`` does not fit.
        """
        wrapped, optimizer = self.fabric.setup(
            self.forecaster, build_optimizer(self.forecaster, self.settings.optimizer)
        )
        first = 0
        if checkpoint is None:
            torch.manual_seed(self.reader.schedule.seed)
        else:
            restore(checkpoint, self.forecaster, optimizer.optimizer)
            first, self.best = checkpoint.step, dict(checkpoint.state["best"])
        log = JsonLines(self.run.log, resume_at=first)
        batches = Prefetcher(self.reader.read, range(first, self.settings.steps), self.settings.workers)
        tally, step = Tally(), first
        self.forecaster.train()
        with StopRequest() as stop, batches, self.progress:
            for step, batch in enumerate(batches, start=first + 1):
                self._step(step, self.fabric.to_device(batch), wrapped, optimizer, tally)
                self.progress.advance(step, batch.task)
                stopping = bool(stop.asked)  # read once: a signal may come at any moment
                due = step % self.settings.checkpoint.every == 0 or step == self.settings.steps
                if due or stopping or step % self.settings.log_every == 0:
                    self._log(log, step, tally.drain(), batches)
                if due or stopping:
                    self._checkpoint(log, step, optimizer.optimizer, score=due)
                if stopping:
                    break
        log.close()
        return Outcome(step, self.best, stop.asked)

    def _step(self, step: int, batch: Batch, wrapped: Any, optimizer: Any, tally: Tally) -> None:
        share = rate(step - 1, self.settings.steps, self.settings.schedule)
        for group in optimizer.param_groups:
            group["lr"] = self.settings.optimizer.lr * share
        loss = wrapped(batch.task, batch.past, batch.future)
        self.fabric.backward(loss)
        tally.add(batch.task, step, batch.starts, loss, self._clip())
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def _clip(self) -> Tensor:
        return torch.nn.utils.clip_grad_norm_(self.learning, self.settings.optimizer.clip or float("inf"))

    def _log(self, log: JsonLines, step: int, row: dict[str, Any], batches: Prefetcher[Batch]) -> None:
        for task, seen in self.reader.schedule.progress(step).items():
            if task in row["tasks"]:
                row["tasks"][task] |= seen
        share = rate(step - 1, self.settings.steps, self.settings.schedule)
        log.write("train", step, lr=self.settings.optimizer.lr * share, waited=round(batches.waited, 3), **row)
        self.progress.losses({task: values["loss"] for task, values in row["tasks"].items()})

    def _checkpoint(self, log: JsonLines, step: int, optimizer: AdamW, *, score: bool) -> None:
        better = False
        if score:
            result = validate(self.forecaster, self.validation, self.reader.schedule.batches, self.fabric.device)
            better = not self.best or result.score < self.best["score"]
            if better:
                self.best = {"step": step, "score": result.score}
            log.write(
                "validation", step, score=result.score, errors=dict(result.errors), persistence=dict(result.persistence)
            )
            self.progress.validation(step, result, better=better)
        state = gather(step, self.forecaster, optimizer, {"best": self.best})
        self.run.checkpoints.save(state, keep=self.settings.checkpoint.keep)
