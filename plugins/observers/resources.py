"""What a run takes of the machine, by task."""

from __future__ import annotations

import json
import resource
import sys
from typing import TYPE_CHECKING

import torch

from unistd.core.training.durable import replace_file
from unistd.registry.hooks import hookimpl

if TYPE_CHECKING:
    from unistd.registry.joint_run import JointRun

RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, which macOS counts in bytes


class Resources:
    """Notes whenever a step raises the peak of memory: the last of each task's is what that task takes at the most.

    Peaks are never reset, since others read them as well; of tasks that need less than one drawn before them, nothing
    is known, and they are not in ``resources.json``. A resumed run begins anew, as its process does.
    """

    @hookimpl
    def unistd_run_started(self) -> None:
        """Take the peaks before the first step: the model, its data, and what was imported."""
        self.before = self.peaks = _peaks()
        self.raised: dict[str, dict[str, dict[str, int]]] = {device: {} for device in self.peaks}

    @hookimpl
    def unistd_step_finished(self, step: int, task: str) -> None:
        """See whether this step needed more than all before it."""
        now = _peaks()
        for device, peak in now.items():
            if peak > self.peaks[device]:
                self.raised[device][task] = {"step": step, "bytes": peak}
        self.peaks = now

    @hookimpl
    def unistd_run_finished(self, run: JointRun) -> None:
        """Write ``resources.json``."""
        found = {
            device: {"before_training": self.before[device], "peak_bytes": peak, "raised_by": self.raised[device]}
            for device, peak in self.peaks.items()
        }
        replace_file(run.folder.path / "resources.json", (json.dumps(found, indent=2) + "\n").encode())


def _peaks() -> dict[str, int]:
    """Return the most bytes this process had so far, by ``process`` and ``gpu``; waits for no GPU."""
    peaks = {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT}
    if torch.cuda.is_available():
        peaks["gpu"] = torch.cuda.max_memory_allocated()
    return peaks
