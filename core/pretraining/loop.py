"""The pre-training loop: one step is one batch of one source (method §1)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from lightning_fabric import Fabric

from unistd.core.data.prefetch import Prefetcher
from unistd.core.pretraining.objective import Objective
from unistd.core.pretraining.reader import StillBatch, StillReader
from unistd.core.pretraining.settings import PretrainingSettings
from unistd.core.pretraining.validation import as_validation, score
from unistd.core.training.account import account, check_upcoming, check_whole, upcoming
from unistd.core.training.checkpoint import Checkpoint
from unistd.core.training.interrupt import StopRequest
from unistd.core.training.learning_rate import rate
from unistd.core.training.log import JsonLines
from unistd.core.training.loop import Outcome
from unistd.core.training.optimizer import build_optimizer
from unistd.core.training.progress import Progress
from unistd.core.training.run_folder import RunFolder
from unistd.core.training.state import copy_strictly, restore_progress, snapshot
from unistd.core.training.tally import Tally, leave_out_if_nonfinite
from unistd.core.training.unregistered import StateWatch
from unistd.core.training.versions import Versions


class Pretraining:
    """Trains an ``Objective`` on all its sources; the test split is not in reach of it.

    Args:
        objective: What is trained.
        reader: Gives the batch of a step, as a pure function of the step.
        settings: Steps, optimiser, schedule, checkpoints.
        run: Where log and checkpoints go.
        fabric: Device and precision.
        progress: What the user sees meanwhile.
        versions: What is installed, kept in every checkpoint and compared when one is gone on from.
        name: Of the run, so that a checkpoint of another one is not mistaken for its own.
    """

    def __init__(
        self,
        objective: Objective,
        reader: StillReader,
        settings: PretrainingSettings,
        run: RunFolder,
        fabric: Fabric,
        progress: Progress,
        versions: Versions = MappingProxyType({}),
        name: str = "",
    ) -> None:
        self.objective = objective
        self.reader = reader
        self.settings = settings
        self.run = run
        self.fabric = fabric
        self.progress = progress
        self.versions, self.name = versions, name
        self.best: dict[str, Any] = {}

    def fit(self, checkpoint: Checkpoint | None = None) -> Outcome:
        """Train from ``checkpoint``, or from the start, to ``settings.steps``; Ctrl-C stops after a checkpoint.

        Raises:
            UnistdError: A loss or gradient is not finite, or a source diverged.
            CheckpointError: A checkpoint cannot be written, or ``checkpoint`` does not fit.
        """
        first = 0 if checkpoint is None else checkpoint.step
        wrapped, optimizer = self.fabric.setup(self.objective, build_optimizer(self.objective, self.settings.optimizer))
        tally, watch = Tally(self.settings.nonfinite, self.settings.diverged), StateWatch(self.objective)
        restored = None if checkpoint is None else account(checkpoint, self.versions)
        if checkpoint is None:
            torch.manual_seed(self.reader.schedule.seed)
        else:
            check_whole(checkpoint, values=(), groups=("model", "optimizer"))
            check_upcoming(checkpoint, self.reader.schedule)
            restore(checkpoint, self.objective)
            self.best = dict(checkpoint.state["best"])
            restore_progress(checkpoint, self.objective, optimizer.optimizer)
            tally.restore(checkpoint.state["tally"], self.fabric.device)
        log = JsonLines(self.run.log, resume_at=-1 if checkpoint is None else first)
        if restored is not None:
            log.write("resume", first, **restored)
            self.progress.restored(restored)
        batches = Prefetcher(self.reader.read, range(first, self.settings.steps), self.settings.workers)
        step = first
        self.objective.train()
        with StopRequest() as stop, batches, self.progress:
            for step, batch in enumerate(batches, start=first + 1):
                self._step(step, self.fabric.to_device(batch), wrapped, optimizer, tally)
                self.progress.advance(step, batch.source)
                stopping = bool(stop.asked)  # read once: a signal may come at any moment
                due = step % self.settings.checkpoint.every == 0 or step == self.settings.steps
                if due or step % self.settings.log_every == 0:
                    self._log(log, step, tally, batches)
                if due:
                    self._validate(log, step)
                if due or stopping:
                    watch.check()
                    self._checkpoint(log, step, optimizer.optimizer, tally)
                if stopping:
                    break
        log.close()
        return Outcome(step, self.best, stop.asked)

    def _step(self, step: int, batch: StillBatch, wrapped: Any, optimizer: Any, tally: Tally) -> None:
        share = rate(step - 1, self.settings.steps, self.settings.schedule)
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share
        loss = wrapped(batch)
        self.fabric.backward(loss)
        clip = self.settings.optimizer.clip or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.objective.parameters(), clip)
        tally.add(batch.source, step, batch.indices, loss, norm)
        leave_out_if_nonfinite(optimizer.optimizer, loss, norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def _log(self, log: JsonLines, step: int, tally: Tally, batches: Prefetcher[StillBatch]) -> None:
        row = tally.drain()
        for what in tally.skipped:
            log.write("alarm", step, what=what)
            self.progress.alarm(what)
        for source, seen in self.reader.schedule.progress(step).items():
            if source in row["tasks"]:
                row["tasks"][source] |= seen
        share = rate(step - 1, self.settings.steps, self.settings.schedule)
        log.write("train", step, lr=self.settings.optimizer.lr * share, waited=round(batches.waited, 3), **row)
        self.progress.losses({source: values["loss"] for source, values in row["tasks"].items()})

    def _checkpoint(self, log: JsonLines, step: int, optimizer: Any, tally: Tally) -> None:
        log.sync()
        state = {
            "best": self.best,
            "tally": tally.state(),
            "next": upcoming(self.reader.schedule, step),
            "versions": {group: dict(own) for group, own in self.versions.items()},
            "run": self.name,
        }
        self.run.checkpoints.save(
            snapshot(step, self.objective, tensors(self.objective), optimizer, state),
            keep=self.settings.checkpoint.keep,
        )

    def _validate(self, log: JsonLines, step: int) -> None:
        found = score(self.objective, self.reader.sources, self.settings.held_out, self.reader.schedule.batches)
        result = as_validation(found)
        better = not self.best or result.score < self.best["score"]
        if better:
            self.best = {"step": step, "score": result.score}
        accuracy = {name: own.accuracy for name, own in found.items() if own.accuracy is not None}
        log.write(
            "validation",
            step,
            score=result.score,
            errors=dict(result.errors),
            reference=dict(result.reference),
            **({"accuracy": accuracy} if accuracy else {}),
        )
        self.progress.validation(step, result, better=better)


def tensors(objective: Objective) -> Mapping[str, torch.Tensor]:
    """Return parameters and buffers of ``objective``, the trunk's among them."""
    return objective.state_dict(keep_vars=True)


def restore(checkpoint: Checkpoint, objective: Objective) -> None:
    """Put the tensors of ``checkpoint`` into ``objective``.

    Raises:
        CheckpointError: A tensor is missing, superfluous or of another shape.
    """
    copy_strictly(checkpoint.tensors["model"], tensors(objective))
