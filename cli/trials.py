"""The runs of a comparison, some at a time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from rich.console import Console

from unistd.cli.trial import read_outcome, run_trial
from unistd.core.task import Split
from unistd.registry.variants import Trial

KILLED = -9
CONTEXT = multiprocessing.get_context("forkserver")


class _Running(NamedTuple):
    trial: Trial
    process: Any
    answer: Connection

    def wrong(self) -> str:
        """Return what went wrong with a trial whose process has ended, empty for nothing."""
        try:
            told: str = self.answer.recv()
        except EOFError:  # it died before it could answer
            self.process.join()
            code = self.process.exitcode
            return f"its process ended with code {code}" + (", perhaps for lack of memory" if code == KILLED else "")
        return told


def run_trials(open_ones: Sequence[Trial], split: Split, jobs: int, console: Console) -> Iterator[str]:
    """Train the trials, each in a fresh process so that none sees another's memory; give what went wrong."""
    CONTEXT.set_forkserver_preload(["unistd.cli.trial"])
    threads = max(1, (os.cpu_count() or 1) // jobs)
    to_do, running, done = iter(open_ones), dict[Any, _Running](), 0
    try:
        while True:
            for trial in islice(to_do, jobs - len(running)):
                begun = _start(trial, split, threads)
                running[begun.process.sentinel] = begun
            if not running:
                return
            for ended in wait(list(running)):
                done += 1
                own = running.pop(ended)
                if wrong := _told(own.trial, own.wrong(), f"{done}/{len(open_ones)}", split, console):
                    yield wrong
    except KeyboardInterrupt:
        console.print("stopping once what runs is saved; the same command goes on with it", highlight=False)
        for own in running.values():
            own.process.join()
        raise


def _start(trial: Trial, split: Split, threads: int) -> _Running:
    answer, theirs = CONTEXT.Pipe(duplex=False)
    about = {"variant": trial.variant, "seed": trial.seed, "alone": trial.alone}
    process = CONTEXT.Process(target=_answer, args=(theirs, about, trial.spec.dump(), split, threads))
    process.start()
    theirs.close()
    return _Running(trial, process, answer)


def _answer(answer: Connection, *arguments: Any) -> None:
    said = run_trial(*arguments)
    with suppress(BrokenPipeError):  # the comparison was killed, and what ran is saved
        answer.send(said)


def _told(trial: Trial, wrong: str, count: str, split: Split, console: Console) -> str:
    """Print how a trial ended and return what went wrong with it."""
    outcome = None if wrong else read_outcome(trial.spec.output, split)
    if outcome is None:
        console.print(
            f"[{count}] {trial.name}: failed: {wrong}", highlight=False, markup=False, soft_wrap=True, style="bold red"
        )
        return f"{trial.name}: {wrong}"
    mean = sum(outcome.errors.values()) / len(outcome.errors)
    told = f"[{count}] {trial.name}: {split} error ÷ persistence {mean:.3f}, {outcome.seconds:.0f} s"
    console.print(told, highlight=False, markup=False)
    return ""
