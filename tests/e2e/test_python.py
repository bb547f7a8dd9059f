"""Everything the commands do, from Python."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray

import unistd
from unistd.cli.main import main
from unistd.core.data.windows import Windows
from unistd.core.errors import UsageError
from unistd.registry.joint_run import JointRun


@pytest.fixture(scope="module")
def predictor(finished):
    return unistd.Predictor.load(finished)


def test_a_run_from_python_is_that_of_the_command(spec, finished, assert_same_bits, capsys):
    run = unistd.compose(unistd.load_spec(spec))
    results = unistd.train(run, quiet=True)
    assert capsys.readouterr() == ("", "")
    assert_same_bits(run.folder.path, finished)
    assert json.loads(json.dumps(results)) == json.loads((finished / "metrics.json").read_text())
    assert json.loads(json.dumps(results)) == json.loads((run.folder.path / "metrics.json").read_text())
    assert unistd.evaluate(run.folder.path) == results
    assert {path.name for path in run.folder.figures.iterdir()} == {"city.png", "city.gif", "shapes.png", "shapes.gif"}
    with pytest.raises(UsageError, match="exists and is not empty"):
        unistd.train(run)
    assert unistd.train(run, resume=True, quiet=True) == results


def test_overrides_are_those_of_the_command(spec):
    assert unistd.load_spec(spec, ["training.steps=3"]).training.steps == 3
    with pytest.raises(UsageError, match="trainin"):
        unistd.load_spec(spec, ["trainin.steps=3"])


def test_a_predictor_needs_no_store_and_says_what_predict_says(predictor, finished, tmp_path):
    assert predictor.run.stores == {}
    assert predictor.tasks == ("city", "shapes")
    out = tmp_path / "city.zarr"
    assert main(["predict", str(finished), "--task", "city", "--out", str(out)]) == 0
    written = xarray.open_zarr(out, consolidated=False)["forecast"].values[:2]
    run, _ = JointRun.open(finished, predictor.run.registry, "best", ["city"])
    window = run.tasks["city"].window
    past, _ = Windows(run.stores["city"], "test", window.past, window.future).read([0, 1])
    np.testing.assert_allclose(predictor(past, "city"), written, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(predictor(past[1].numpy(), "city"), written[1], rtol=1e-5, atol=1e-4)


def test_a_predictor_refuses_what_it_was_not_trained_for(predictor):
    with pytest.raises(UsageError, match=r"the run has no task 'sea'.*\n  help: it has city, shapes"):
        predictor(np.zeros((8, 2, 8, 9)), "sea")
    with pytest.raises(UsageError, match=r"no task is named\n  help: it has city, shapes"):
        predictor(np.zeros((8, 2, 8, 9)))
    with pytest.raises(UsageError, match=r"have shape '\(3, 2, 8, 9\)'\n  help: .* with T = 8 and C = 2: inflow"):
        predictor(np.zeros((3, 2, 8, 9)), "city")


def test_a_run_that_is_not_there():
    with pytest.raises(UsageError, match="nowhere"):
        unistd.Predictor.load("nowhere")
