"""What the observers write, of a run that is only told of."""

import csv
import json
from types import SimpleNamespace

import pytest

from unistd.core.training.loop import Outcome
from unistd.plugins.observers import resources, unistd_components
from unistd.plugins.observers.csv_table import Csv
from unistd.plugins.observers.resources import Resources
from unistd.plugins.observers.status import Status

TRAIN = {"event": "train", "step": 10, "lr": 0.1, "waited": 0.0, "seconds_per_step": 0.5}
ROWS = [
    {"event": "ranks", "step": 10, "sum": 3.0},
    TRAIN | {"tasks": {"city": {"loss": 0.25, "gradient": 2.0, "steps": 3}}},
    {"event": "validation", "step": 10, "score": 0.9, "errors": {"city": 4.5}, "persistence": {"city": 5.0}},
]


@pytest.fixture
def run(tmp_path):
    folder = SimpleNamespace(path=tmp_path)
    return SimpleNamespace(folder=folder, spec=SimpleNamespace(name="told", training=SimpleNamespace(steps=20)))


def table(run):
    return [tuple(line) for line in csv.reader((run.folder.path / "curves.csv").read_text().splitlines())][1:]


def test_csv_has_a_line_for_each_value(run):
    own = Csv()
    own.unistd_run_started(run, 0)
    own.unistd_step_finished(ROWS)
    assert set(table(run)) == {  # before the run has ended
        ("10", "", "lr", "0.1"), ("10", "", "seconds_per_step", "0.5"), ("10", "city", "loss", "0.25"),
        ("10", "city", "gradient", "2.0"), ("10", "city", "steps", "3"), ("10", "", "validation_score", "0.9"),
        ("10", "city", "validation_error", "4.5"), ("10", "city", "persistence_error", "5.0"),
    }  # fmt: skip
    own.unistd_run_finished()


def test_csv_drops_the_steps_that_are_done_again(run):
    first = Csv()
    first.unistd_run_started(run, 0)
    for step in (10, 20):
        first.unistd_step_finished([TRAIN | {"step": step, "tasks": {}}])
    first.unistd_run_finished()
    again = Csv()
    again.unistd_run_started(run, 10)
    again.unistd_run_finished()
    assert {line[0] for line in table(run)} == {"10"}


def test_a_new_run_takes_over_no_old_table(run):
    (run.folder.path / "curves.csv").write_text("step,task,quantity,value\n0,,lr,1\n")
    own = Csv()
    own.unistd_run_started(run, 0)
    own.unistd_run_finished()
    assert table(run) == []


@pytest.mark.parametrize(
    ("outcome", "state", "why"),
    [
        (Outcome(20, {}), "finished", ""),
        (Outcome(7, {}, stopped_by="SIGTERM"), "stopped", "SIGTERM"),
        (Outcome(7, {}, error="task 'city' diverged"), "failed", "task 'city' diverged"),
    ],
)
def test_status_says_how_far_and_how_it_ended(run, tmp_path, outcome, state, why):
    file = tmp_path / "new" / "state.json"
    own = Status(file=file)
    own.unistd_run_started(run, 3)
    assert (said := json.loads(file.read_text()))["state"] == "training"
    assert (said["step"], said["steps"], said["name"], said["folder"]) == (3, 20, "told", str(tmp_path))
    own.unistd_step_finished(run, 4, [])
    assert json.loads(file.read_text())["step"] == 3  # no row, no write
    own.unistd_step_finished(run, 5, ROWS)
    assert json.loads(file.read_text())["step"] == 5
    own.unistd_run_finished(run, outcome)
    said = json.loads(file.read_text())
    assert (said["state"], said["why"], said["step"]) == (state, why, outcome.step)


def test_resources_names_the_task_that_raised_the_peak(run, monkeypatch):
    peaks = iter([100, 100, 150, 150, 170, 170])
    monkeypatch.setattr(resources, "_peaks", lambda: {"process": next(peaks), "gpu": 7})
    own = Resources()
    own.unistd_run_started()
    for step, task in enumerate(["small", "large", "small", "large", "small"], start=1):
        own.unistd_step_finished(step, task)
    own.unistd_run_finished(run)
    found = json.loads((run.folder.path / "resources.json").read_text())
    raised = {"large": {"step": 4, "bytes": 170}}
    assert found["process"] == {"before_training": 100, "peak_bytes": 170, "raised_by": raised}
    assert found["gpu"] == {"before_training": 7, "peak_bytes": 7, "raised_by": {}}


def test_peaks_are_bytes_of_this_process():
    assert 10 * 2**20 < resources._peaks()["process"] < 2**40


def test_tensorboard_says_which_package_it_needs():
    (own,) = [each for each in unistd_components() if each.name == "tensorboard"]
    assert own.requires == ("tensorboard>=2.18",)


def test_tensorboard_has_a_curve_for_each_quantity_and_task(run):
    pytest.importorskip("tensorboard", reason="pip install 'unistd[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from unistd.plugins.observers.tensorboard import TensorBoard

    own = TensorBoard()
    own.unistd_run_started(run, 0)
    own.unistd_step_finished(ROWS)
    own.unistd_step_finished([TRAIN | {"step": 20, "tasks": {}}])
    own.unistd_run_finished()
    again = TensorBoard()
    again.unistd_run_started(run, 10)
    again.unistd_run_finished()
    curves = EventAccumulator(str(run.folder.path / "tensorboard")).Reload()
    assert set(curves.Tags()["scalars"]) >= {"lr", "loss/city", "validation_error/city", "validation_score"}
    assert [(point.step, point.value) for point in curves.Scalars("loss/city")] == [(10, 0.25)]
    assert [point.step for point in curves.Scalars("lr")] == [10]  # step 20 will be done again
