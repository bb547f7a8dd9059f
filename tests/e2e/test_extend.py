"""A trained run learns another task: old forecasts keep every bit, or are rehearsed at a stated share."""

import json
import os
import shutil
import signal

import pytest
import torch

from unistd.cli.main import main
from unistd.core.training.loop import JointTraining
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry

SHAPES = "kind: synthetic-motion, height: 12, width: 12, train: 8, val: 2, test: 2, head: {kind: conv, width: 8}"
NEW = f"tasks: {{blobs: {{{SHAPES}, seed: 5}}}}\n"


@pytest.fixture
def new(tmp_path):
    path = tmp_path / "new.yaml"
    path.write_text(NEW)
    return str(path)


@pytest.fixture
def extend(finished, tmp_path, new):
    def run(*words, task=new, out="more"):
        return main(["extend", str(finished), "--task", task, "--out", str(tmp_path / out), *words])

    return run


def weights(path, which="best"):
    run, _ = JointRun.open(path, Registry.discover(), which, ())
    return run.forecaster.state_dict()


@pytest.fixture(scope="module")
def frozen(finished, tmp_path_factory):
    """The run with a frozen past and experts of the new task's own."""
    folder = tmp_path_factory.mktemp("frozen")
    (folder / "new.yaml").write_text(NEW)
    words = ["--experts", "2", "-o", "training.steps=6", "-o", "training.checkpoint.every=3"]
    assert (
        main(["extend", str(finished), "--task", str(folder / "new.yaml"), "--out", str(folder / "more"), *words]) == 0
    )
    return folder / "more"


def test_frozen_tasks_keep_every_bit_and_the_new_one_learns(finished, frozen):
    rows = json.loads((frozen / "extension.json").read_text())["tasks"]
    assert {name: row["bit_equal"] for name, row in rows.items()} == {"city": True, "shapes": True, "blobs": None}
    assert rows["city"]["before"] == rows["city"]["after"]
    before, after = weights(finished), weights(frozen, "last")
    assert all(torch.equal(own, after[name]) for name, own in before.items())
    added = {name for name in after if name not in before}
    assert {".added.0." in name or "blobs" in name for name in added} == {True}
    ups = [after[name] for name in added if ".added.0.up" in name]
    assert len(ups) >= 4
    assert all(up.any() for up in ups)  # zero at the start, so a gradient reached them


def test_the_record_says_where_it_comes_from(finished, frozen):
    record = json.loads((frozen / "spec.json").read_text())
    assert record["extends"]["run"] == str(finished.absolute())
    assert record["extends"]["id"] == json.loads((finished / "spec.json").read_text())["id"]
    assert record["extends"]["weights"] == record["spec"]["extends"][0]["weights"]
    assert record["spec"]["extends"][0]["tasks"] == ["city", "shapes"]


def test_a_new_task_with_experts_of_its_own_is_written_as_onnx(frozen, tmp_path, capsys):
    assert main(["export", str(frozen), "--task", "blobs", "--to", str(tmp_path / "blobs")]) == 0
    assert (tmp_path / "blobs" / "blobs.onnx").is_file()


def test_experts_of_new_tasks_have_rows_of_their_own(frozen, capsys):
    assert main(["show", str(frozen), "--ranks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("0 q +1 ")]) == 1


def test_running_statistics_of_a_trunk_that_is_kept_stay_as_they_are(spec, tmp_path, new):
    words = ["-o", "model.backbone={kind: gsta, width: 16, depth: 1}", "-o", "model.adapter=full"]
    assert main(["train", str(spec), *words, "-o", "training.steps=4"]) == 0
    more = ["--out", str(tmp_path / "more"), "-o", "training.steps=4", "-o", "training.checkpoint.every=2"]
    assert main(["extend", str(tmp_path / "run"), "--task", new, *more]) == 0
    rows = json.loads((tmp_path / "more" / "extension.json").read_text())["tasks"]
    assert rows["city"]["bit_equal"]
    assert rows["shapes"]["bit_equal"]


def test_a_rank_phase_that_is_over_need_not_fit_the_new_training(spec, tmp_path, new):
    phase = ["-o", "model.adapter.rank.phase={steps: 6}"]
    assert main(["train", str(spec), *phase]) == 0
    words = ["--task", new, "--out", str(tmp_path / "more"), "-o", "training.steps=4"]
    assert main(["extend", str(tmp_path / "run"), *words, "-o", "training.checkpoint.every=2"]) == 0


@pytest.mark.slow
def test_every_other_command_takes_the_new_run(frozen, tmp_path, capsys):
    assert main(["evaluate", str(frozen), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["tasks"]) == {"city", "shapes", "blobs"}
    assert main(["predict", str(frozen), "--task", "blobs", "--out", str(tmp_path / "f.zarr")]) == 0
    assert main(["report", str(frozen), "--out", str(tmp_path / "r.html")]) == 0
    assert main(["show", str(frozen), "--ranks"]) == 0
    assert main(["show", str(frozen)]) == 0
    for task in ("city", "blobs"):
        assert main(["export", str(frozen), "--task", task, "--to", str(tmp_path / task), "--no-onnx"]) == 0


@pytest.mark.slow
def test_a_stopped_extension_goes_on_to_the_same_bits(
    frozen, finished, extend, tmp_path, monkeypatch, capsys, assert_same_bits
):
    step = JointTraining._step

    def interrupting(self, number, *rest):
        step(self, number, *rest)
        if number == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(JointTraining, "_step", interrupting)
    assert extend("--experts", "2", "-o", "training.steps=6", "-o", "training.checkpoint.every=3") == 0
    said = capsys.readouterr().err.replace("\n", "")
    assert f"unistd extend {finished} --out {tmp_path / 'more'} --checkpoint best --experts 2 --task" in said
    shutil.copytree(tmp_path / "more", tmp_path / "twin")
    monkeypatch.undo()
    assert main(["train", str(tmp_path / "more" / "extended.yaml"), "--resume"]) == 0
    assert_same_bits(tmp_path / "more", frozen)
    shutil.rmtree(tmp_path / "more")
    (tmp_path / "twin").rename(tmp_path / "more")
    assert extend("--experts", "2", "-o", "training.steps=6", "-o", "training.checkpoint.every=3", "--resume") == 0
    assert_same_bits(tmp_path / "more", frozen)
    rows = [json.loads((run / "extension.json").read_text()) for run in (tmp_path / "more", frozen)]
    assert rows[0] == rows[1]


@pytest.mark.slow
def test_replay_draws_the_old_tasks_at_the_stated_share(finished, extend, tmp_path, capsys):
    assert extend("--replay", "0.25", "-o", "training.steps=8", "-o", "training.checkpoint.every=8") == 0
    rows = [json.loads(line) for line in (tmp_path / "more" / "log.jsonl").read_text().splitlines()]
    drawn = {}
    for row in rows:
        for name, own in row["tasks"].items() if row["event"] == "train" else ():
            drawn[name] = drawn.get(name, 0) + own["steps"]
    assert drawn["city"] + drawn.get("shapes", 0) in (1, 2, 3)
    assert sum(drawn.values()) == 8
    table = json.loads((tmp_path / "more" / "extension.json").read_text())["tasks"]
    assert table["city"]["bit_equal"] is False
    assert "changed" in capsys.readouterr().out
    before, after = weights(finished), weights(tmp_path / "more", "last")
    moved = [name for name, own in before.items() if not torch.equal(own, after[name])]
    assert any("adapter.down" in name for name in moved)
    assert not any(name.endswith("rank") for name in moved)


@pytest.mark.slow
def test_an_extension_is_extended_again(frozen, tmp_path):
    again = tmp_path / "again"
    words = ["--experts", "1", "-o", "training.steps=2", "-o", "training.checkpoint.every=2"]
    assert main(["extend", str(frozen), "--task", f"dots={{{SHAPES}, seed: 6}}", "--out", str(again), *words]) == 0
    rows = json.loads((again / "extension.json").read_text())["tasks"]
    assert {name: row["bit_equal"] for name, row in rows.items()} == {
        "city": True,
        "shapes": True,
        "blobs": True,
        "dots": None,
    }


def test_a_bit_that_changes_in_what_is_frozen_is_loud(extend, monkeypatch, capsys):
    step = JointTraining._step

    def spoiling(self, number, *rest):
        step(self, number, *rest)
        with torch.no_grad():
            next(self.forecaster.model.heads["city"].parameters()).add_(1e-7)

    monkeypatch.setattr(JointTraining, "_step", spoiling)
    assert extend("-o", "training.steps=1", "-o", "training.checkpoint.every=1") == 1
    assert "what was taken over from the extended run changed, though it is frozen" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "task", "code", "message"),
    [
        ((), "city={kind: synthetic-motion}", 2, "the run has a task 'city' already"),
        ((), "gone.yaml", 2, "the list of tasks cannot be read: No such file"),
        ((), "x={kind: synthetic-motoin}", 2, "unknown task 'synthetic-motoin'"),
        ((), "x={kind: grid, store: /nowhere.zarr}", 1, "there is no store 'nowhere.zarr'"),
        (("-o", "model.temporal=none"), "", 2, "'-o' changes the model"),
        (("-o", "tasks.city.window={past: 2, future: 1}"), "", 2, "'-o' changes task 'city'"),
        (("-o", "extends.0.adapter={kind: ra-moe}"), "", 2, "ranks of adapters that are added do not learn"),
        (("--replay", "1"), "", 2, "replay"),
    ],
)
def test_what_does_not_fit_is_named(words, task, code, message, extend, new, capsys, tmp_path):
    assert extend(*words, task=task or new) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "more").exists()


@pytest.mark.slow
def test_another_run_in_the_place_of_the_old_one_is_refused(finished, spec, tmp_path, new, capsys):
    base = tmp_path / "base"
    shutil.copytree(finished, base)
    words = ["--task", new, "-o", "training.steps=1", "-o", "training.checkpoint.every=1"]
    assert main(["extend", str(base), *words, "--out", str(tmp_path / "more")]) == 0
    last = base / "checkpoints" / "last"
    last.write_text(next(p.name for p in sorted((base / "checkpoints").glob("step-*")) if p.name != last.read_text()))
    text = (tmp_path / "more" / "extended.yaml").read_text().replace("checkpoint: best", "checkpoint: last")
    (tmp_path / "other.yaml").write_text(text.replace(str(tmp_path / "more"), str(tmp_path / "other")))
    capsys.readouterr()
    code = main(["train", str(tmp_path / "other.yaml")])
    assert code == 1
    assert "are not those that were extended" in capsys.readouterr().err
