"""What only this package can know of its observer."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from unistd_newname.observer import NewNameObserver


def test_the_first_validation_below_the_goal_is_noted(tmp_path: Path) -> None:
    run: Any = SimpleNamespace(folder=SimpleNamespace(path=tmp_path))
    observer = NewNameObserver(goal=0.8)
    observer.unistd_run_started(run)
    for step, score in enumerate([0.9, 0.7, 0.6], start=1):
        observer.unistd_step_finished(step, [{"event": "train"}, {"event": "validation", "score": score}])
    assert json.loads((tmp_path / "newname.json").read_text()) == {"step": 2, "score": 0.7}
