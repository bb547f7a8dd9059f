"""The hooks a plug-in may implement; ``docs/hooks.md`` tells what for, and what becomes of their errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, cast

import pluggy

if TYPE_CHECKING:
    from unistd.core.training.loop import Outcome
    from unistd.registry.component import Component
    from unistd.registry.joint_run import JointRun
    from unistd.registry.run_spec import RunSpec

NAMESPACE = "unistd"
hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


@dataclass(frozen=True, slots=True)
class SpecIssue:
    """What ``unistd_check_spec`` has found: where in the spec, such as ``("tasks", "city", "window")``, what is wrong
    there, and what to do about it.
    """

    keys: tuple[str | int, ...]
    message: str
    help: str = ""


class Hooks:
    """Every hook starts with ``unistd_``; an implementation may leave out arguments it does not need."""

    def __init__(self) -> None:  # what is an instance's own, pluggy need not search for, for every plug-in anew
        vars(self).update((name, hook) for name, hook in vars(Hooks).items() if name.startswith("unistd_"))

    def __dir__(self) -> list[str]:
        """Return the hooks alone, which is all that pluggy has to look at."""
        return list(vars(self))

    @hookspec
    def unistd_components(self) -> Iterable[Component]:  # type: ignore[empty-body]
        """Return the components this plug-in offers; must not import torch."""

    @hookspec
    def unistd_check_spec(self, spec: RunSpec) -> Iterable[SpecIssue]:  # type: ignore[empty-body]
        """Return what only this plug-in can see to be wrong in a valid spec; must not import torch.

        Called by whatever reads the spec of a joint run from a file, such as ``validate``, ``train`` and
        ``unistd.load_spec``, and not for a run that exists. An issue is shown with file, line and column.
        """

    @hookspec
    def unistd_run_started(self, run: JointRun, step: int) -> None:
        """See a run before its first step, or before it goes on after ``step``; its folder is there.

        ``run`` is what ``unistd.compose`` returns: ``run.spec``, ``run.folder.path``, ``run.tasks``,
        ``run.forecaster``.
        """

    @hookspec
    def unistd_step_finished(self, run: JointRun, step: int, task: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """See that ``step``, one batch of ``task``, is done; ``rows`` are what the log got since the last step.

        Most steps have none, since reading a loss makes a GPU wait: ``train`` every ``training.log_every`` steps,
        ``validation`` and ``experts`` every ``training.checkpoint.every``, as in ``log.jsonl``. Called after the
        step's checkpoint.
        """

    @hookspec
    def unistd_run_finished(self, run: JointRun, outcome: Outcome) -> None:
        """See the end of a training: at its last step, by a signal (``stopped_by``), or by an ``error``.

        ``outcome.step`` is the last step, ``outcome.best`` step and score of the best checkpoint. The test split is
        scored after it.
        """


HOOKS = cast(type, Hooks())  # pluggy takes anything that dir() can list


class _Manager(pluggy.PluginManager):
    """Looks for a module's hooks among its functions only, not among all it has imported."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        if isinstance(plugin, ModuleType) and not isinstance(vars(plugin).get(name), FunctionType | MethodType):
            return None
        return super().parse_hookimpl_opts(plugin, name)


def implement(implementation: object, name: str) -> pluggy.PluginManager:
    """Register one module or object under ``name`` in a manager of its own, which leaves nothing behind in others'.

    Raises:
        PluginValidationError: A hook has a name or an argument that there is not.
    """
    manager = _Manager(NAMESPACE)
    manager.add_hookspecs(HOOKS)
    manager.register(implementation, name=name)
    manager.check_pending()
    return manager
