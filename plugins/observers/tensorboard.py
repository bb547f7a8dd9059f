"""Curves for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from torch.utils.tensorboard import SummaryWriter

from unistd.plugins.observers.curves import points
from unistd.registry.hooks import hookimpl

if TYPE_CHECKING:
    from unistd.registry.joint_run import JointRun


class TensorBoard:
    """Writes every curve as a scalar ``quantity/task``, so that the tasks of one quantity share a picture."""

    @hookimpl
    def unistd_run_started(self, run: JointRun, step: int) -> None:
        """Open the folder; steps that a resumed run does again are hidden."""
        folder = str(run.folder.path / "tensorboard")
        self.writer = cast(Any, SummaryWriter)(folder, purge_step=step + 1 if step else None)

    @hookimpl
    def unistd_step_finished(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add what the log got."""
        for point in points(rows):
            name = f"{point.quantity}/{point.task}" if point.task else point.quantity
            self.writer.add_scalar(name, point.value, point.step)

    @hookimpl
    def unistd_run_finished(self) -> None:
        """Write out what is left."""
        self.writer.close()
