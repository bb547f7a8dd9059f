"""What a user sees while a run goes on: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bars, TextColumn, TimeRemainingColumn

from unistd.core.training.account import account_lines
from unistd.core.training.rank_phase import RankPhase
from unistd.core.training.validation import Validation


class Progress:
    """Shows the step, the losses of the tasks and every validation on ``console``, which is where talk goes.

    ``reference`` is what validation errors are divided by.
    """

    def __init__(self, console: Console, steps: int, first: int = 0, reference: str = "persistence") -> None:
        self.console = console
        self.steps = steps
        self.reference = reference
        columns = (
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
        )
        self._bars = Bars(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._bar = self._bars.add_task("training", total=steps, completed=first, loss="")
        self._losses: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def advance(self, step: int, task: str) -> None:
        """Show that ``step`` is done."""
        loss = self._losses.get(task)
        shown = f"{task} {loss:.4f}" if loss is not None else task
        self._bars.update(self._bar, completed=step, loss=shown[:28])

    def losses(self, losses: Mapping[str, float]) -> None:
        """Take in the latest mean loss of each task."""
        self._losses.update(losses)

    def validation(self, step: int, result: Validation, *, better: bool) -> None:
        """Print a line with the validation error ÷ reference of every task."""
        ratios = "  ".join(
            f"{task} {error / (result.reference[task] or 1):.3f}" for task, error in result.errors.items()
        )
        mark = " (best)" if better else ""
        self.console.print(
            f"step {step}/{self.steps}: validation error ÷ {self.reference} {result.score:.3f}{mark}", highlight=False
        )
        self.console.print(f"  {ratios}", highlight=False, style="dim")

    def ranks_fixed(self, step: int, phase: RankPhase) -> None:
        """Print what became of the ranks."""
        ranks = [rank for adapter in phase.adapters.values() for own in adapter.by_role().values() for rank in own]
        self.console.print(
            f"step {step}/{self.steps}: ranks fixed, {phase.total:.0f} components for {len(ranks)} experts,"
            f" {min(ranks):.0f} to {max(ranks):.0f} each",
            highlight=False,
        )

    def restored(self, row: Mapping[str, Any]) -> None:
        """Print what a resumed run took up again."""
        for line in account_lines(row):
            self.console.print(f"  {line}", highlight=False, soft_wrap=True)

    def alarm(self, what: str) -> None:
        """Print what is wrong with a run that goes on nevertheless."""
        self.console.print(f"alarm: {what}", highlight=False, style="bold red")
