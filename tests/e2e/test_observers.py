"""Who watches a run sees all of it, changes none of it, and is in its record."""

from __future__ import annotations

import csv
import json
from collections import Counter

import pytest
from rich.console import Console

import unistd
from unistd.cli.main import main
from unistd.registry.fitting import fit_run, open_training

OBSERVERS = "observers: [csv, {{kind: status, file: {file}}}, resources]\n"
# Writes down every call, and fails in the one that the file 'fail' names.
WATCH = """

import json
from pathlib import Path

HERE = Path(__file__).parent

def note(hook, **seen):
    with (HERE / "seen.jsonl").open("a") as file:
        file.write(json.dumps({"hook": hook, **seen}) + "\\n")
    fail = HERE / "fail"
    if fail.exists() and fail.read_text() == f"{hook} {seen.get('step')}":
        raise RuntimeError("no space in the other world")

@hookimpl
def unistd_run_started(run, step):
    assert (run.folder.path / "spec.json").exists()
    note("started", step=step)

@hookimpl
def unistd_step_finished(step, task, rows):
    note("step", step=step, task=task, events=sorted({row["event"] for row in rows}))

@hookimpl
def unistd_run_finished(run, outcome):
    note("finished", step=outcome.step, best=dict(outcome.best), error=outcome.error)
"""


@pytest.fixture
def watch(installed_plugin, plugin_source, monkeypatch):
    """Install a plug-in that writes down what it sees; its folder is returned."""
    monkeypatch.setenv("UNISTD_PLUGINS", "unistd-watch")
    return installed_plugin("unistd-watch", plugin_source + WATCH, name="watch", version="0.3").path.parent


@pytest.fixture
def watched(spec, tmp_path, watch):
    """The tiny spec with observers."""
    spec.write_text(spec.read_text() + OBSERVERS.format(file=tmp_path / "status.json"))
    return spec


def fit(spec, *overrides, resume=False):
    """Train without scoring and pictures."""
    run = unistd.compose(unistd.load_spec(spec, overrides))
    fit_run(run, *open_training(run), Console(quiet=True), "test", resume=resume)
    return run


def seen(watch):
    """Return the calls since the last time."""
    path = watch / "seen.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.unlink()
    return lines


def status(folder):
    return json.loads((folder / "status.json").read_text())


def test_a_hook_that_fails_ends_the_run_and_a_resumed_one_goes_on(
    watched, watch, tmp_path, finished, assert_same_bits, capsys
):
    run = tmp_path / "run"
    (watch / "fail").write_text("started 0")
    assert main(["train", str(watched)]) == 3
    said = capsys.readouterr().err
    assert "watched by plug-in 'watch' (unistd-watch 0.3), observer 'csv' (unistd" in said
    assert (
        "unistd_watch.py:24: plug-in 'watch' (unistd-watch 0.3) failed in unistd_run_started: RuntimeError: no space in"
        " the other world\n  help: UNISTD_PLUGINS_OFF=unistd-watch:watch does without it\n"
    ) in said
    assert [line["hook"] for line in seen(watch)] == ["started"]
    assert not (run / "log.jsonl").exists()  # not one step

    (watch / "fail").write_text("step 7")
    assert main(["train", str(watched), "--resume"]) == 3
    assert "plug-in 'watch' (unistd-watch 0.3) failed in unistd_step_finished" in capsys.readouterr().err
    lines = seen(watch)
    assert [(line["hook"], line["step"]) for line in lines] == [
        ("started", 0), *(("step", step) for step in range(1, 8)), ("finished", 7),
    ]  # fmt: skip
    assert "failed in unistd_step_finished" in lines[-1]["error"]
    assert lines[-1]["best"]["step"] == 4
    assert (status(tmp_path)["state"], status(tmp_path)["step"]) == ("failed", 7)
    assert "no space in the other world" in status(tmp_path)["why"]

    (watch / "fail").unlink()
    fit(watched, resume=True)
    lines = seen(watch)
    assert [(line["hook"], line["step"]) for line in lines] == [
        ("started", 4), *(("step", step) for step in range(5, 13)), ("finished", 12),
    ]  # fmt: skip
    assert lines[-1]["error"] == ""
    assert (status(tmp_path)["state"], status(tmp_path)["step"]) == ("finished", 12)
    assert {line["step"]: line["events"] for line in lines if line.get("events")}[8] == [
        "experts",
        "train",
        "validation",
    ]
    assert_same_bits(run, finished)

    record = json.loads((run / "spec.json").read_text())
    assert [(own["name"], own["distribution"]) for own in record["hooks"]] == [
        ("watch", "unistd-watch"), ("csv", "unistd"), ("status", "unistd"), ("resources", "unistd"),
    ]  # fmt: skip
    assert (record["hooks"][0]["kind"], record["hooks"][0]["version"]) == ("plug-in", "0.3")
    assert record["hooks"][0]["hooks"] == ["unistd_run_finished", "unistd_run_started", "unistd_step_finished"]
    state = json.loads(next((run / "checkpoints").glob("*12/state.json")).read_text())
    assert state["versions"]["hooks"]["hooks of unistd-watch:watch"] == "0.3"

    table = list(csv.DictReader((run / "curves.csv").read_text().splitlines()))
    logged = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    for quantity, event in (("lr", "train"), ("validation_score", "validation")):
        steps = Counter(int(line["step"]) for line in table if line["quantity"] == quantity)
        assert steps == Counter(row["step"] for row in logged if row["event"] == event)
    (loss,) = [
        line["value"] for line in table if (line["step"], line["task"], line["quantity"]) == ("12", "city", "loss")
    ]
    (row,) = [row for row in logged if row["event"] == "train" and row["step"] == 12]
    assert float(loss) == row["tasks"]["city"]["loss"]
    found = json.loads((run / "resources.json").read_text())["process"]
    assert found["peak_bytes"] >= found["before_training"] > 0
    assert set(found["raised_by"]) <= {"city", "shapes"}


def test_observers_may_change_when_a_run_goes_on(spec):
    run = fit(spec, "observers=[status]", "training.steps=2")
    assert status(run.folder.path)["state"] == "finished"
    assert json.loads((run.folder.path / "spec.json").read_text())["hooks"][0]["name"] == "status"
    fit(spec, "observers=[csv]", "training.steps=2", resume=True)
    assert (run.folder.path / "curves.csv").read_text() == "step,task,quantity,value\n"


def test_an_observer_that_cannot_be_built_leaves_no_folder(spec, tmp_path, installed_plugin, plugin_source, capsys):
    source = plugin_source.replace('"metric"', '"observer"').replace("summary=", 'requires=("webhooks>=3",), summary=')
    installed_plugin("unistd-watch", source)
    assert main(["train", str(spec), "-o", "observers=[skill]"]) == 3
    assert (
        "observer 'skill' needs 'webhooks>=3', which is not installed\n  help: pip install" in capsys.readouterr().err
    )
    assert not (tmp_path / "run").exists()
