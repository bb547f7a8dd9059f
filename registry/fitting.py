"""A composed run is trained in its folder, then scored."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from rich.console import Console

from unistd.core.data.batches import BatchReader
from unistd.core.data.schedule import JointSchedule
from unistd.core.data.windows import Windows
from unistd.core.figures.experts import experts_png
from unistd.core.figures.results import results_png
from unistd.core.processes import first_before_others, is_first, this_process
from unistd.core.training.log import read_rows
from unistd.core.training.loop import JointTraining, Outcome
from unistd.core.training.pieces import check_divisible
from unistd.core.training.progress import Progress
from unistd.core.training.shards import check_frozen
from unistd.registry.compose import compose_schedule, open_windows
from unistd.registry.devices import Strategy, open_fabric
from unistd.registry.drawing import draw_window
from unistd.registry.evaluation import evaluate_run
from unistd.registry.extension import check_kept
from unistd.registry.joint_run import JointRun
from unistd.registry.observers import Observers


def open_training(run: JointRun) -> tuple[BatchReader, dict[str, Windows]]:
    """Return what ``run`` reads its batches with, and its validation windows; of several processes, each its part.

    Raises:
        DataError: A task has no training or no validation window.
        UsageError: A batch cannot be divided over the processes.
    """
    open_fabric()  # joins the other processes, if there are any
    stores = {name: run.stores[name] for name in run.spec.learning}
    training, validation = (open_windows(run.tasks, stores, split) for split in ("train", "val"))
    schedule = compose_schedule(run.spec, run.tasks, training)
    rank, processes = this_process()
    check_batches(run, schedule, processes)
    return BatchReader(training, schedule, rank, processes, run.spec.training.cache), validation


def check_batches(run: JointRun, schedule: JointSchedule, processes: int) -> None:
    """Make sure that every task's batch can be divided over ``processes``, and each share into parts.

    Raises:
        UsageError: One cannot; says which batches can.
    """
    for task, batch in schedule.batches.items():
        schedule.share(task, processes)
        check_divisible(task, batch, run.spec.training.accumulate, processes)


def fit_run(
    run: JointRun,
    reader: BatchReader,
    validation: Mapping[str, Windows],
    console: Console,
    command: str,
    *,
    resume: bool,
    strategy: Strategy | None = None,
) -> Outcome:
    """Train ``run`` in its folder, from the start or, with ``resume``, from its last checkpoint.

    What the folder's record says made it is ``command``. Of several processes all call this, and the first one writes;
    ``strategy`` is how they share the model.

    Raises:
        UsageError: The folder holds another run, or is being trained in; or ``strategy`` is of no use to the model.
        ModelError: A parameter of a frozen trunk changed.
        HookError: A hook of a plug-in, or an observer of the spec, raised.
        UnistdError: A loss is not finite, or a checkpoint cannot be written or read.
    """
    settings = run.spec.training
    # What cannot be used or built leaves no folder behind; what the other processes could see is the same.
    if strategy == "fsdp":
        check_frozen(run.forecaster)
    observers = Observers.of(run) if is_first() else Observers(run, [])
    if observers:
        console.print(f"watched by {observers}", highlight=False, soft_wrap=True)
    if not resume and is_first():
        run.start(command, observers.record())
    with run.folder.lock() if is_first() else nullcontext():
        with first_before_others():
            checkpoint = run.resume() if resume else None
        first = checkpoint.step if checkpoint else 0
        if resume:
            console.print(f"resuming after step {first}", highlight=False)
        fabric = open_fabric(settings.precision, strategy)
        progress = Progress(console, settings.steps, first)
        training = JointTraining(
            run.forecaster,
            reader,
            validation,
            settings,
            run.folder,
            fabric,
            progress,
            run.versions | observers.versions(),
            run.record["id"],
            observers.step_finished if observers else None,
        )
        outcome = observers.watch(training, checkpoint)
        check_kept(run.spec, run.forecaster)
        return outcome


def score_run(run: JointRun, console: Console) -> dict[str, Any]:
    """Score the best checkpoint on the test split; writes and returns ``metrics.json``, and draws pictures.

    Several processes share the windows out; the first one writes and draws.
    """
    with first_before_others():
        step = run.load("best").step
    ema = run.spec.training.ema
    weights = f"the averaged weights (ema {ema:g}) of " if ema else ""
    console.print(f"scoring {weights}the best checkpoint, of step {step}, on the test split", highlight=False)
    results = evaluate_run(run, step, "test", console)
    if not is_first():
        return results
    run.folder.write_json("metrics.json", results)
    for name, windows in open_windows(run.tasks, run.stores, "test").items():
        draw_window(run, name, windows, run.folder.figures)
    results_png(run.folder.path / "results.png", results["tasks"])
    rows = read_rows(run.folder.log, "ranks", "experts")
    use = next((row for row in reversed(rows["experts"]) if any(row["tasks"].values())), None)
    if rows["ranks"] or use:
        experts_png(run.folder.path / "experts.png", rows["ranks"], use)
    return results
