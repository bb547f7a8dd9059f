"""``unistd report``: the page of real runs, finished, unfinished, without experts, without their data."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

from unistd.cli.main import main
from unistd.core.data.windows import Windows
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry


@pytest.fixture
def copy(finished, tmp_path):
    """A run to take things away from."""
    return shutil.copytree(finished, tmp_path / "copy")


@pytest.fixture(scope="module")
def text(finished, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "deep" / "report.html"
    assert main(["report", str(finished), "--out", str(out)]) == 0
    return out.read_text()


def shown(run, *options):
    assert main(["report", str(run), *options]) == 0
    return (run / "report.html").read_text()


def test_the_page_shows_every_task_with_the_numbers_of_metrics_json(finished, text):
    records = json.loads((finished / "metrics.json").read_text())["tasks"]
    ratios = {}
    for name, record in records.items():
        own = re.search(rf'<h2 id="task-{name}">.*?</section>', text, re.DOTALL)[0]
        for metric, value in record["test"].items():
            row = re.search(rf"<tr><td>{metric}</td>(.*?)</tr>", own)[1]
            numbers = re.findall(r'"number">([\d.eE+-]+)', row)
            assert float(numbers[0]) == pytest.approx(value, rel=1e-3)
            assert float(numbers[1]) == pytest.approx(record["baselines"]["persistence"][metric], rel=1e-3)
        assert "No picture" not in own
        assert own.count("<img") == 5 - (name == "shapes")  # two test windows of the shapes are all there are
        ratios[name] = record["test"]["mse"] / record["baselines"]["persistence"]["mse"]
    assert re.findall(r'class="value">([^<]*)', text) == [f"{ratio:.3f}" for ratio in sorted(ratios.values())]


def test_baselines_are_kept_by_lead_time(finished):
    for record in json.loads((finished / "metrics.json").read_text())["tasks"].values():
        assert record["baseline_leads"].keys() == record["baselines"].keys()
        for name, by_metric in record["baseline_leads"].items():
            assert len(by_metric["mse"]) == len(record["leads"]["mse"])
            assert np.mean(by_metric["mse"]) == pytest.approx(record["baselines"][name]["mse"], rel=1e-5)


def test_the_worst_windows_are_the_worst(finished, text):
    run, _ = JointRun.open(finished, Registry.discover(), "best", ["city"])
    windows = Windows(run.stores["city"], "test", run.tasks["city"].window.past, run.tasks["city"].window.future)
    past, future = windows.read(np.arange(len(windows)))
    errors = (run.forecaster.eval().forecast("city", past) - future).double().square().mean(dim=(1, 2, 3, 4)).numpy()
    own = re.search(r'<h2 id="task-city">.*?</section>', text, re.DOTALL)[0]
    found = re.findall(r"<strong>(\d)\. mse ([\d.e+]+) trips².*?frames (\d+) to", own)
    assert [place for place, _, _ in found] == ["1", "2", "3"]
    starts = [int(frame) - windows.past for _, _, frame in found]
    at = [windows.starts.tolist().index(start) for start in starts]
    assert at[0] == errors.argmax()
    for (_, error, _), index in zip(found, at, strict=True):
        assert float(error) == pytest.approx(errors[index], rel=1e-3)
    length = windows.past + windows.future
    for place in (1, 2):
        free = np.all([np.abs(windows.starts - start) >= length for start in starts[:place]], axis=0)
        assert errors[at[place]] == errors[free].max()


def test_the_record_has_command_and_versions(finished, text):
    record = json.loads((finished / "spec.json").read_text())
    assert record["command"] == f"unistd train {finished.parent / 'tiny.yaml'}"
    assert {"python", "torch", "numpy"} <= set(record["packages"])
    assert record["command"] in text
    assert record["packages"]["torch"] in text
    assert all(store["digest"] in text for store in record["stores"].values())


@pytest.mark.slow
def test_the_same_bytes_twice(copy, text):
    first = shown(copy)
    assert shown(copy) == first
    assert first == text  # shutil keeps the dates of files


def test_one_task_alone(copy):
    page = shown(copy, "--task", "city")
    assert 'id="task-city"' in page
    assert 'id="task-shapes"' not in page
    assert "this page shows city" in page


def test_without_the_stores_the_page_says_so(copy):
    record = json.loads((copy / "spec.json").read_text())
    record["stores"]["city"]["path"] = str(copy / "gone.zarr")
    record["stores"]["shapes"]["digest"] = "0" * 64
    (copy / "spec.json").write_text(json.dumps(record))
    page = shown(copy)
    assert "there is no store 'gone.zarr'" in page
    assert "the store is not the one this run was trained on" in page
    assert "<strong>1. mse" not in page
    assert page.count("<img") == 5


def test_one_store_less_leaves_the_others_their_worst_windows(copy):
    record = json.loads((copy / "spec.json").read_text())
    record["stores"]["shapes"]["path"] = str(copy / "gone.zarr")
    (copy / "spec.json").write_text(json.dumps(record))
    page = shown(copy)
    assert page.count("<strong>1. mse") == 1
    assert "there is no store 'gone.zarr'" in page


def test_without_weights_or_pictures_the_page_says_so(copy):
    shutil.rmtree(copy / "checkpoints")
    shutil.rmtree(copy / "figures")
    page = shown(copy)
    assert "has no checkpoint yet" in page
    assert page.count("No picture: ") == 2


def test_an_unfinished_run_gives_a_page(copy):
    (copy / "metrics.json").unlink()
    page = shown(copy)
    assert "Not scored on the test split" in page
    assert "--resume</code>" in page
    assert page.count("<svg") == 4
    assert page.count("<img") == 1  # the experts


def test_a_run_that_has_not_made_a_step_gives_a_page(copy):
    for name in ("metrics.json", "log.jsonl"):
        (copy / name).unlink()
    assert "The log has no step yet." in shown(copy)


@pytest.mark.slow
def test_a_name_like_a_tag_is_escaped(copy):
    record = json.loads((copy / "spec.json").read_text())
    record["spec"]["name"] = "<b>bold</b>"
    (copy / "spec.json").write_text(json.dumps(record))
    page = shown(copy)
    assert "<b>" not in page
    assert "<h1>&lt;b&gt;bold&lt;/b&gt;</h1>" in page


@pytest.mark.parametrize("adapter", ["{kind: lora, roles: [q]}", pytest.param("{kind: full}", marks=pytest.mark.slow)])
def test_a_run_without_experts_gives_a_page(spec, adapter):
    text = re.sub(r"adapter: \{.*\}", f"adapter: {adapter}", spec.read_text())
    text = text.replace("pretrained: false", f"pretrained: false, freeze: {str('full' not in adapter).lower()}")
    spec.write_text(text.replace("steps: 12", "steps: 4"))
    assert main(["train", str(spec)]) == 0
    page = shown(spec.parent / "run")
    assert "The log has no experts" in page
    assert "<strong>1. mse" in page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["RUN", "--task", "cty"], "the run has no task 'cty'\n  help: it has city, shapes"),
        (["FOLDER"], "is no run folder: no readable spec.json"),
        (["RUN", "--out", "FOLDER"], "is a folder\n  help: name a file with --out"),
    ],
)
def test_what_cannot_be_reported_is_answered(arguments, says, finished, tmp_path, capsys):
    names = {"RUN": str(finished), "FOLDER": str(tmp_path)}
    assert main(["report", *(names.get(word, word) for word in arguments)]) == 2
    assert says in capsys.readouterr().err
