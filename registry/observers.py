"""Everybody who watches a run: installed plug-ins with hooks, and the observers its spec asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unistd.core.training.checkpoint import Checkpoint
from unistd.core.training.loop import JointTraining, Outcome
from unistd.registry.discovery import Plugin
from unistd.registry.errors import HookError
from unistd.registry.implementer import Implementer
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry
from unistd.registry.slot import Choice

RUN_HOOKS = frozenset({"unistd_run_started", "unistd_step_finished", "unistd_run_finished"})


class Observers:
    """Calls the hooks of a run, installed plug-ins first, then the observers in the order of the spec.

    Args:
        run: What they are told of.
        implementers: Who they are.
    """

    def __init__(self, run: JointRun, implementers: Sequence[Implementer]) -> None:
        self.run, self.implementers, self.step = run, implementers, 0

    @classmethod
    def of(cls, run: JointRun) -> Observers:
        """Build the observers of the run's spec and find the plug-ins that have hooks.

        Raises:
            MissingRequirement, ComponentImportError, HookError: One of the spec's observers cannot be built.
        """
        installed = [own for info in run.registry.plugins if (own := Implementer.of_plugin(info))]
        chosen = [_build(run.registry, choice) for choice in run.spec.observers]
        return cls(run, [own for own in (*installed, *chosen) if RUN_HOOKS & set(own.names)])

    def __bool__(self) -> bool:
        return bool(self.implementers)

    def __str__(self) -> str:
        return ", ".join(map(str, self.implementers))

    def record(self) -> list[dict[str, Any]]:
        """Return who watches the run, and by which hooks."""
        return [
            {"kind": own.noun, "name": own.plugin.name, "distribution": own.plugin.dist, "version": own.plugin.version}
            | {"hooks": [name for name in own.names if name in RUN_HOOKS]}
            for own in self.implementers
        ]

    def versions(self) -> dict[str, dict[str, str]]:
        """Return the same for the checkpoints; nothing where nobody watches."""
        named = {f"hooks of {own.plugin.dist}:{own.plugin.name}": own.plugin.version for own in self.implementers}
        return {"hooks": named} if named else {}

    def step_finished(self, step: int, task: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Tell everybody that a step is done.

        Raises:
            HookError: A hook raised.
        """
        self.step = step
        for own in self.implementers:
            own.call("unistd_step_finished", run=self.run, step=step, task=task, rows=rows)

    def watch(self, training: JointTraining, checkpoint: Checkpoint | None) -> Outcome:
        """Train, and tell everybody of beginning and end; who saw the one sees the other, whatever lies between.

        Raises:
            HookError: A hook raised; at the beginning, before the first step.
            UnistdError: As ``JointTraining.fit``.
        """
        self.step = checkpoint.step if checkpoint else 0
        begun: list[Implementer] = []
        try:
            for own in self.implementers:
                own.call("unistd_run_started", run=self.run, step=self.step)
                begun.append(own)
            outcome = training.fit(checkpoint)
        except BaseException as error:
            failed = Outcome(self.step, training.best, error=str(error) or type(error).__name__)
            for failure in self._finished(begun, failed):
                training.progress.alarm(str(failure))  # beside what ended the run, which is what is raised
            raise
        for failure in self._finished(begun, outcome):
            raise failure
        return outcome

    def _finished(self, begun: Iterable[Implementer], outcome: Outcome) -> list[HookError]:
        failures = []
        for own in begun:
            try:
                own.call("unistd_run_finished", run=self.run, outcome=outcome)
            except HookError as failure:
                failures.append(failure)
        return failures


def _build(registry: Registry, choice: Choice) -> Implementer:
    observer = registry.factory("observer", choice)()
    owner = registry.owner(registry.find("observer", choice.kind))
    return Implementer.of_observer(Plugin(choice.kind.rpartition("/")[2], owner.dist, owner.version), observer)
