"""The joint training loop: one step is one batch of one task (method §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import AdamW

from unistd.core.data.batches import Batch, BatchReader
from unistd.core.data.prefetch import Prefetcher
from unistd.core.data.windows import Windows
from unistd.core.forecaster import Forecaster
from unistd.core.ranked import ranked_adapters
from unistd.core.training.checkpoint import Checkpoint
from unistd.core.training.expert_use import never_used
from unistd.core.training.interrupt import StopRequest
from unistd.core.training.learning_rate import rate
from unistd.core.training.log import JsonLines
from unistd.core.training.optimizer import build_optimizer, compacted_state, load_optimizer_state, optimizer_state
from unistd.core.training.progress import Progress
from unistd.core.training.rank_phase import RankPhase
from unistd.core.training.run_folder import RunFolder
from unistd.core.training.settings import TrainingSettings
from unistd.core.training.state import gather, restore_model, restore_progress
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
        self.phase = RankPhase.of(forecaster, settings.steps, reader.schedule.epoch)
        self.clipped: list[nn.Parameter] = []
        self.best: dict[str, Any] = {}

    def fit(self, checkpoint: Checkpoint | None = None) -> Outcome:
        """Train from ``checkpoint``, or from the start, to ``settings.steps``; Ctrl-C stops after a checkpoint.

        Raises:
            UnistdError: A loss or gradient is not finite.
            CheckpointError: A checkpoint cannot be written, or ``checkpoint`` does not fit.
        """
        first = 0 if checkpoint is None else checkpoint.step
        if checkpoint is not None:
            restore_model(checkpoint, self.forecaster)
            self.best = dict(checkpoint.state["best"])
        wrapped, optimizer = self._setup()
        if checkpoint is None:
            torch.manual_seed(self.reader.schedule.seed)
        else:
            restore_progress(checkpoint, self.forecaster, optimizer.optimizer)
        log = JsonLines(self.run.log, resume_at=first)
        batches = Prefetcher(self.reader.read, range(first, self.settings.steps), self.settings.workers)
        tally, step = Tally(), first
        self.forecaster.train()
        if first == 0:
            self._log_ranks(log, 0)
        with StopRequest() as stop, batches, self.progress:
            for step, batch in enumerate(batches, start=first + 1):
                self._step(step, self.fabric.to_device(batch), wrapped, optimizer, tally)
                if self.phase is not None and step == self.phase.end:
                    wrapped, optimizer = self._fix_ranks(log, step, optimizer.optimizer)
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

    def _setup(self) -> tuple[Any, Any]:
        """Wrap the model as it is now for its device, with a new optimiser."""
        ranks = {id(adapter.rank) for _, adapter in ranked_adapters(self.forecaster)}
        self.clipped = [p for p in self.forecaster.parameters() if p.requires_grad and id(p) not in ranks]
        rank_lr = self.phase.lr if self.phase else 0.0
        wrapped, optimizer = self.fabric.setup(
            self.forecaster, build_optimizer(self.forecaster, self.settings.optimizer, rank_lr)
        )
        return wrapped, optimizer

    def _step(self, step: int, batch: Batch, wrapped: Any, optimizer: Any, tally: Tally) -> None:
        share = rate(step - 1, self.settings.steps, self.settings.schedule)
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share
        loss = wrapped(batch.task, batch.past, batch.future)
        self.fabric.backward(loss)
        tally.add(batch.task, step, batch.starts, loss, self._clip())
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if self.phase is not None and step <= self.phase.end:
            self.phase.settle(self.phase.lr * share)

    def _clip(self) -> Tensor:
        return torch.nn.utils.clip_grad_norm_(self.clipped, self.settings.optimizer.clip or float("inf"))

    def _fix_ranks(self, log: JsonLines, step: int, optimizer: AdamW) -> tuple[Any, Any]:
        """End the rank phase; training goes on with what is left of model and optimiser."""
        assert self.phase is not None
        self._log_ranks(log, step)
        if self.phase.unmoved:
            self._alarm(log, step, "the ranks of the experts never moved: model.adapter.rank has no effect")
        before = optimizer_state(optimizer, self.forecaster)
        kept = self.phase.finish()
        wrapped, fresh = self._setup()
        learning = {name for name, p in self.forecaster.named_parameters() if p.requires_grad}
        load_optimizer_state(fresh.optimizer, self.forecaster, compacted_state(before, kept, learning))
        self._log_ranks(log, step)
        self.progress.ranks_fixed(step, self.phase)
        return wrapped, fresh

    def _alarm(self, log: JsonLines, step: int, what: str) -> None:
        log.write("alarm", step, what=what)
        self.progress.alarm(what)

    def _log_ranks(self, log: JsonLines, step: int) -> None:
        if self.phase is not None:
            log.write("ranks", step, **self.phase.row())

    def _log(self, log: JsonLines, step: int, row: dict[str, Any], batches: Prefetcher[Batch]) -> None:
        for task, seen in self.reader.schedule.progress(step).items():
            if task in row["tasks"]:
                row["tasks"][task] |= seen
        share = rate(step - 1, self.settings.steps, self.settings.schedule)
        log.write("train", step, lr=self.settings.optimizer.lr * share, waited=round(batches.waited, 3), **row)
        if self.phase is not None and step < self.phase.end:
            self._log_ranks(log, step)
        self.progress.losses({task: values["loss"] for task, values in row["tasks"].items()})

    def _checkpoint(self, log: JsonLines, step: int, optimizer: AdamW, *, score: bool) -> None:
        better = False
        if score:
            result = validate(self.forecaster, self.validation, self.reader.schedule.batches, self.fabric.device)
            better = not self.best or result.score < self.best["score"]
            if better:
                self.best = {"step": step, "score": result.score}
            log.write(
                "validation", step, score=result.score, errors=dict(result.errors), persistence=dict(result.reference)
            )
            log.write("experts", step, tasks=dict(result.experts))
            self.progress.validation(step, result, better=better)
            if idle := never_used(result.experts.values()):
                more = f" and {len(idle) - 3} more" if len(idle) > 3 else ""
                self._alarm(log, step, f"experts that no task uses: {', '.join(idle[:3])}{more}")
        fixed = self.phase is not None and step >= self.phase.end
        state = gather(step, self.forecaster, optimizer, {"best": self.best, "ranks_fixed": fixed})
        self.run.checkpoints.save(state, keep=self.settings.checkpoint.keep)
