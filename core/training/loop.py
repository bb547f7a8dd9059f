"""The joint training loop: one step is one batch of one task (method §6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import AdamW

from unistd.core.data.batches import Batch, BatchReader
from unistd.core.data.prefetch import Prefetcher
from unistd.core.data.windows import Windows
from unistd.core.forecaster import Forecaster
from unistd.core.processes import is_first, this_process
from unistd.core.ranked import ranked_adapters, ranks_are_fixed
from unistd.core.router import Router
from unistd.core.training.account import account, check_upcoming, check_whole, upcoming
from unistd.core.training.average import Average
from unistd.core.training.checkpoint import Checkpoint
from unistd.core.training.interrupt import StopRequest
from unistd.core.training.learning_rate import rate
from unistd.core.training.log import JsonLines, Row
from unistd.core.training.memory_limit import fitting, is_out_of_memory, out_of_memory
from unistd.core.training.optimizer import build_optimizer, compacted_state, load_optimizer_state, optimizer_state
from unistd.core.training.pieces import check_divisible, first_windows, pieces
from unistd.core.training.progress import Progress
from unistd.core.training.rank_phase import RankPhase
from unistd.core.training.replicas import Exchange, check_equal_weights, share_statistics
from unistd.core.training.run_folder import RunFolder
from unistd.core.training.settings import TrainingSettings
from unistd.core.training.shards import Shards, unite, whole
from unistd.core.training.state import (
    begin_random,
    copy_strictly,
    gather,
    restore_model,
    restore_progress,
    trunk_is_frozen,
)
from unistd.core.training.tally import Tally, leave_out_if_nonfinite
from unistd.core.training.trunk_file import check_unchanged, trunk_digest
from unistd.core.training.unregistered import StateWatch
from unistd.core.training.validation import validate
from unistd.core.training.versions import Versions
from unistd.core.training.witnesses import (
    dwarfing,
    idle_parts,
    never_drawn,
    unfit_normalizations,
    unmoved_ranks,
    unscored,
    unused_experts,
)


@dataclass(frozen=True)
class Outcome:
    """Where a run stands: the last step done, the best one, and the signal or error that stopped it, if one did."""

    step: int
    best: Mapping[str, Any]
    stopped_by: str = ""
    error: str = ""


Observe = Callable[[int, str, Sequence[Row]], None]
"""Called after every step with its number, its task, and the rows the log got since the last one."""


class JointTraining:
    """Trains a ``Forecaster`` on all tasks at once; the test split is not in reach of it.

    In a run of several processes each makes one, with its own part of every batch; only the first one writes files.

    Args:
        forecaster: What is trained.
        reader: Gives the batch of a step, as a pure function of the step.
        validation: Validation windows of each task; the best checkpoint is chosen by them.
        settings: Steps, optimiser, schedule, checkpoints.
        run: Where log and checkpoints go.
        fabric: Device and precision.
        progress: What the user sees meanwhile.
        versions: What is installed, kept in every checkpoint and compared when one is gone on from.
        name: Of the run, so that a checkpoint of another one is not mistaken for its own.
        observe: Is told of every step, after its checkpoint; what it raises ends the training.

    Raises:
        UsageError: A batch cannot be divided into ``settings.accumulate`` parts.
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
        versions: Versions = MappingProxyType({}),
        name: str = "",
        observe: Observe | None = None,
    ) -> None:
        self.forecaster = forecaster
        self.reader = reader
        self.validation = validation
        self.settings = settings
        self.run = run
        self.fabric = fabric
        self.progress = progress
        fixed = ranks_are_fixed(forecaster)  # by the run that this one extends
        self.phase = None if fixed else RankPhase.of(forecaster, settings.steps, reader.schedule.epoch)
        self.versions, self.name, self.observe = versions, name, observe
        self.clipped: list[nn.Parameter] = []
        self.ranks: list[nn.Parameter] = []
        self.best: dict[str, Any] = {}
        self.average = Average(forecaster, settings.ema) if settings.ema else None
        self.trunk = trunk_digest(forecaster.model.trunk_parameters()) if trunk_is_frozen(forecaster) else ""
        for task, batch in reader.schedule.batches.items():
            check_divisible(task, batch, settings.accumulate, this_process()[1])

    def fit(self, checkpoint: Checkpoint | None = None) -> Outcome:
        """Train from ``checkpoint``, or from the start, to ``settings.steps``; Ctrl-C stops after a checkpoint.

        Raises:
            UnistdError: A loss or gradient is not finite, a task diverged, or memory ran out.
            CheckpointError: A checkpoint cannot be written, or ``checkpoint`` does not fit.
            ModelError: A frozen trunk changed, or processes disagree.
        ProcessLostError: Another process of the run is gone.
        """
        first, restored = 0, {}
        tally = Tally(self.settings.nonfinite, self.settings.diverged)
        if checkpoint is None:
            wrapped, optimizer = self._start()
        else:
            first, restored = checkpoint.step, account(checkpoint, self.versions)
            wrapped, optimizer = self._restore(checkpoint, tally)
        rows: list[Row] = []
        path = self.run.log if is_first() else None
        log = JsonLines(path, -1 if checkpoint is None else first, rows.append if self.observe else None)
        batches = Prefetcher(self.reader.read, range(first, self.settings.steps), self.settings.workers)
        step = first
        check_equal_weights(step, self.forecaster)
        self.forecaster.train()
        if checkpoint is None:
            self._begin(log)
        else:
            log.write("resume", first, **restored)
            self.progress.restored(restored)
        with StopRequest() as stop, batches, self.progress:
            for step, batch in enumerate(batches, start=first + 1):
                self._step(step, self.fabric.to_device(batch), wrapped, optimizer, tally)
                if self.phase is not None and step == self.phase.end:
                    wrapped, optimizer = self._fix_ranks(log, step, optimizer.optimizer)
                self.progress.advance(step, batch.task)
                stopping = bool(stop.agreed())  # read once: a signal may come at any moment
                due = step % self.settings.checkpoint.every == 0 or step == self.settings.steps
                if step % self.settings.compare == 0:
                    check_equal_weights(step, self.forecaster)
                if due or step % self.settings.log_every == 0:
                    self._log(log, step, tally, batches)
                if due:
                    self._validate(log, step, optimizer.optimizer)
                if due or stopping:
                    with whole(self.fabric):
                        self._checkpoint(log, step, optimizer.optimizer, tally)
                self._tell(step, batch.task, rows)
                if stopping:
                    break
        self._alarms(log, step, unscored(self.best, self.settings.checkpoint.every))
        log.close()
        unite(self.fabric)  # for those who score it next
        return Outcome(step, self.best, stop.agreed())

    def _tell(self, step: int, task: str, rows: list[Row]) -> None:
        if self.observe:
            self.observe(step, task, tuple(rows))
            rows.clear()

    def _begin(self, log: JsonLines) -> None:
        """Log what is known before the first step."""
        self._log_ranks(log, 0)
        self._alarms(log, 0, never_drawn(self.reader.schedule))
        self._alarms(log, 0, unfit_normalizations(self.reader.windows, self.forecaster))

    def _restore(self, checkpoint: Checkpoint, tally: Tally) -> tuple[Any, Any]:
        """Put everything back that has state; the wrapped model and its optimiser are made anew."""
        averaged = ("average",) if self.average else ()
        check_whole(checkpoint, values=("ranks_fixed",), groups=("model", "optimizer", *averaged))
        check_upcoming(checkpoint, self.reader.schedule)
        restore_model(checkpoint, self.forecaster)
        self.best = dict(checkpoint.state["best"])
        wrapped, optimizer = self._setup()
        restore_progress(checkpoint, self.forecaster, optimizer.optimizer)
        if self.settings.ema:
            self.average = Average(self.forecaster, self.settings.ema)  # of the shapes and on the device of now
            copy_strictly(checkpoint.tensors["average"], self.average.tensors)
        tally.restore(checkpoint.state["tally"], self.fabric.device)
        return wrapped, optimizer

    def _start(self) -> tuple[Any, Any]:
        wrapped, optimizer = self._setup()
        if self.settings.ema:
            self.average = Average(self.forecaster, self.settings.ema)  # on the device of now
        begin_random(self.reader.schedule.seed)
        return wrapped, optimizer

    def _setup(self) -> tuple[Any, Any]:
        """Wrap the model as it is now for its device, with a new optimiser."""
        self.ranks = [adapter.rank for _, adapter in ranked_adapters(self.forecaster) if adapter.rank.requires_grad]
        ranks = set(map(id, self.ranks))
        self.clipped = [p for p in self.forecaster.parameters() if p.requires_grad and id(p) not in ranks]
        rank_lr = self.phase.lr if self.phase else 0.0
        wrapped, optimizer = self.fabric.setup(
            self.forecaster, build_optimizer(self.forecaster, self.settings.optimizer, rank_lr)
        )
        for part in self.forecaster.modules():
            if isinstance(part, Router):
                part.share = 1 / self.settings.accumulate
        self.watch = StateWatch(self.forecaster)
        self.exchange = Exchange(self.forecaster, list(self.reader.windows))
        return wrapped, optimizer

    def _step(self, step: int, batch: Batch, wrapped: Any, optimizer: Any, tally: Tally) -> None:
        share = rate(step - 1, self.settings.steps, self.settings.schedule)
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share
        loss = self._gradient(step, batch, wrapped)
        norm = self._clip()
        tally.add(batch.task, step, batch.starts, loss, norm)
        ranks = [p.grad for p in self.ranks if p.grad is not None]
        leave_out_if_nonfinite(optimizer.optimizer, loss, norm, torch.nn.utils.get_total_norm(ranks).to(loss.device))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if self.average:
            self.average.update(step)
        if self.phase is not None and step <= self.phase.end:
            self.phase.settle(self.phase.lr * share)

    def _gradient(self, step: int, batch: Batch, wrapped: Any) -> Tensor:
        """Add the gradient of ``batch`` to what is there and return the loss; says what fits where memory runs out."""
        valid = self.exchange.valid(step, batch)
        try:
            return self.exchange.average(batch.task, self._worked_through(batch, wrapped, valid))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        self.forecaster.zero_grad(set_to_none=True)
        windows = len(batch.past) // self.settings.accumulate
        fits = None  # of a sharded trunk, of which no process can try anything by itself
        if not isinstance(self.fabric.strategy, Shards):
            fits = fitting(windows, lambda n: self._worked_through(first_windows(batch, n), wrapped, valid, parts=1))
        raise out_of_memory(batch.task, step, len(batch.past), fits, self.exchange.count)

    def _worked_through(self, batch: Batch, wrapped: Any, valid: int, parts: int = 0) -> Tensor:
        total = torch.zeros((), device=batch.past.device)
        for past, future, share in pieces(batch, parts or self.settings.accumulate, valid):
            loss = wrapped(batch.task, past, future) * (share * self.exchange.count)  # a mean over processes follows
            self.fabric.backward(loss)
            total = total + loss.detach()
        return total

    def _clip(self) -> Tensor:
        return torch.nn.utils.clip_grad_norm_(self.clipped, self.settings.optimizer.clip or float("inf"))

    def _fix_ranks(self, log: JsonLines, step: int, optimizer: AdamW) -> tuple[Any, Any]:
        """End the rank phase; training goes on with what is left of model and optimiser."""
        assert self.phase is not None
        self._log_ranks(log, step)
        self._alarms(log, step, unmoved_ranks(self.phase))
        before = optimizer_state(optimizer, self.forecaster)
        kept = self.phase.finish()
        wrapped, fresh = self._setup()
        learning = {name for name, p in self.forecaster.named_parameters() if p.requires_grad}
        load_optimizer_state(fresh.optimizer, self.forecaster, compacted_state(before, kept, learning))
        if self.average:
            self.average.compact(kept)
        self._log_ranks(log, step)
        self.progress.ranks_fixed(step, self.phase)
        return wrapped, fresh

    def _alarms(self, log: JsonLines, step: int, found: Iterable[str]) -> None:
        for what in found:
            log.write("alarm", step, what=what)
            self.progress.alarm(what)

    def _log_ranks(self, log: JsonLines, step: int) -> None:
        if self.phase is not None:
            log.write("ranks", step, **self.phase.row())

    def _log(self, log: JsonLines, step: int, tally: Tally, batches: Prefetcher[Batch]) -> None:
        row = tally.drain()
        self._alarms(log, step, tally.skipped)
        for task, seen in self.reader.schedule.progress(step).items():
            if task in row["tasks"]:
                row["tasks"][task] |= seen
        share = rate(step - 1, self.settings.steps, self.settings.schedule)
        log.write("train", step, lr=self.settings.optimizer.lr * share, waited=round(batches.waited, 3), **row)
        if self.phase is not None and step < self.phase.end:
            self._log_ranks(log, step)
        self.progress.losses({task: values["loss"] for task, values in row["tasks"].items()})

    def _validate(self, log: JsonLines, step: int, optimizer: AdamW) -> None:
        schedule = self.reader.schedule
        share_statistics(self.forecaster)
        with whole(self.fabric), self.average.in_use() if self.average else nullcontext():
            result = validate(self.forecaster, self.validation, schedule.batches, self.fabric.device)
        better = not self.best or result.score < self.best["score"]
        if better:
            self.best = {"step": step, "score": result.score}
        log.write(
            "validation", step, score=result.score, errors=dict(result.errors), persistence=dict(result.reference)
        )
        log.write("experts", step, tasks=dict(result.experts))
        self.progress.validation(step, result, better=better)
        drawn = {task: seen["samples"] // schedule.batches[task] for task, seen in schedule.progress(step).items()}
        self._alarms(log, step, unused_experts(result.experts))
        self._alarms(log, step, dwarfing(result))
        self._alarms(log, step, idle_parts(self.forecaster, optimizer, drawn))

    def _checkpoint(self, log: JsonLines, step: int, optimizer: AdamW, tally: Tally) -> None:
        if self.trunk:
            check_unchanged(self.forecaster.model.trunk_parameters(), self.trunk)
        self.watch.check()
        log.sync()
        state = {
            "best": self.best,
            "ranks_fixed": ranks_are_fixed(self.forecaster),
            "tally": tally.state(),
            "next": upcoming(self.reader.schedule, step),
            "versions": {group: dict(own) for group, own in self.versions.items()},
            "run": self.name,
        }
        average = self.average.tensors if self.average else None
        checkpoint = gather(step, self.forecaster, optimizer, state, average)
        if is_first():
            self.run.checkpoints.save(checkpoint, keep=self.settings.checkpoint.keep)
