"""One task of a run, taken elsewhere: as a bundle, and as ONNX."""

from __future__ import annotations

import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from unistd.cli.main import main
from unistd.core.data.windows import Windows
from unistd.core.errors import CheckpointError
from unistd.core.export import onnx as export_module
from unistd.core.forecaster import Forecaster
from unistd.registry.bundle import open_bundle
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry


@pytest.fixture(scope="module")
def opened(finished):
    run, _ = JointRun.open(finished, Registry.discover(), "best", ["city"])
    run.forecaster.eval()
    return run


@pytest.fixture(scope="module")
def written(finished, tmp_path_factory):
    """The folder, and what the command said: tracing takes seconds, so it is done once."""
    to = tmp_path_factory.mktemp("export") / "city"
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr(sys.stderr, "write", said.append)
        assert main(["export", str(finished), "--task", "city", "--to", str(to)]) == 0
    return SimpleNamespace(folder=to, said="".join(said))


@pytest.fixture(scope="module")
def past(opened):
    """Seven test windows, a part of some missing."""
    window = opened.tasks["city"].window
    past, _ = Windows(opened.stores["city"], "test", window.past, window.future).read(np.arange(7))
    past[2, :, 0, 3:, :4] = past[5] = torch.nan
    return past


def test_the_bundle_alone_forecasts_the_bits_of_the_run(written, opened, past):
    forecaster = open_bundle(written.folder, Registry.discover())
    assert list(forecaster.model.heads) == ["city"]
    assert torch.equal(forecaster.forecast("city", past), opened.forecaster.forecast("city", past))


def test_a_run_keeps_a_trunk_the_bundle_takes(written, finished, opened, past):
    forecaster = open_bundle(written.folder, Registry.discover(), finished / "checkpoints" / "trunk.safetensors")
    assert torch.equal(forecaster.forecast("city", past), opened.forecaster.forecast("city", past))


def test_a_bundle_whose_spec_names_another_trunk_is_refused(written, tmp_path):
    other = shutil.copytree(written.folder, tmp_path / "other")
    facts = json.loads((other / "bundle.json").read_text())
    facts["spec"]["model"]["backbone"]["seed"] = 7
    (other / "bundle.json").write_text(json.dumps(facts))
    said = f"beside trunk '{facts['trunk']}', this model has trunk '[0-9a-f]{{64}}'"
    with pytest.raises(CheckpointError, match=said):
        open_bundle(other, Registry.discover())


def test_onnx_forecasts_what_the_model_does_for_any_number_of_windows(written, opened, past):
    session = onnxruntime.InferenceSession(written.folder / "city.onnx", providers=["CPUExecutionProvider"])
    scale = opened.stores["city"].scale[:, None, None]
    for batch in (past[:1], past[2:3], past):
        (forecast,) = session.run(["forecast"], {"past": batch.numpy()})
        wanted = opened.forecaster.forecast("city", batch).numpy()
        assert forecast.shape == wanted.shape
        assert np.abs((forecast - wanted) / scale).max() < 1e-5


def test_onnx_is_one_valid_file_that_tells_nothing_of_this_machine(written):
    onnx.checker.check_model(written.folder / "city.onnx", full_check=True)
    model = onnx.load(written.folder / "city.onnx", load_external_data=False)
    (taken,), (given,) = model.graph.input, model.graph.output
    shapes = [[d.dim_param or d.dim_value for d in each.type.tensor_type.shape.dim] for each in (taken, given)]
    assert shapes == [["batch", 8, 2, 8, 9], ["batch", 4, 2, 8, 9]]
    assert model.opset_import[0].version == 18
    assert b".py" not in (written.folder / "city.onnx").read_bytes()


def test_the_command_says_what_it_wrote_and_how_well_it_agrees(written):
    assert sorted(path.name for path in written.folder.iterdir()) == ["bundle.json", "bundle.safetensors", "city.onnx"]
    assert all(f"{name} (" in written.said for name in ("bundle.json", "bundle.safetensors", "city.onnx"))
    assert "ONNX, opset 18: differs from the model by at most" in written.said
    assert "Warning" not in written.said
    assert len(written.said.splitlines()) == 6


@pytest.mark.parametrize(
    ("shift", "code"),
    [
        (lambda past: 2e-3, 1),
        (lambda past: 5e-4, 0),
        (lambda past: float(past.isnan().any()), 1),
        (lambda past: float(len(past) == 1), 1),
        (lambda past: float(len(past) == 3), 1),
        (lambda past: float("nan"), 1),
    ],
    ids=["too much", "little", "of missing values", "of one window", "of three windows", "not a number"],
)
def test_onnx_that_differs_is_taken_back(written, opened, finished, tmp_path, monkeypatch, capsys, shift, code):
    copy = SimpleNamespace(save=lambda path, **_: shutil.copy(written.folder / "city.onnx", path))
    monkeypatch.setattr(export_module, "_program", lambda model, past: copy)
    whole, scale = Forecaster.whole_path, torch.from_numpy(opened.stores["city"].scale)[:, None, None]
    monkeypatch.setattr(
        Forecaster, "whole_path", lambda self, task, past: whole(self, task, past) + shift(past) * scale
    )
    assert main(["export", str(finished), "--task", "city", "--to", str(tmp_path / "city")]) == code
    said = capsys.readouterr().err
    assert ("of the normalisation's scale, allowed is 0.001; it was removed" in said) == bool(code)
    assert [path.name for path in tmp_path.iterdir()] == ([] if code else ["city"])


def test_a_model_that_cannot_be_traced_leaves_nothing(finished, tmp_path, monkeypatch, capsys):
    def fail(*args, **options):
        raise RuntimeError("an operator nobody knows\nmore")

    monkeypatch.setattr(torch.export, "export", fail)
    assert main(["export", str(finished), "--task", "city", "--to", str(tmp_path / "city")]) == 1
    said = capsys.readouterr().err
    assert "task 'city' cannot be written as ONNX: RuntimeError: an operator nobody knows\n" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_without_onnx_nothing_is_begun(tmp_path, monkeypatch, capsys, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["export", str(tmp_path / "no-run"), "--task", "city", "--to", str(tmp_path / "city")]) == 3
    said = capsys.readouterr().err
    assert f"ONNX needs '{package}', which cannot be imported" in said
    assert "pip install 'unistd[export]'" in said
    assert list(tmp_path.iterdir()) == []


def test_the_bundle_alone_needs_no_onnx(finished, tmp_path, monkeypatch, capsys):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
    to = tmp_path / "city"
    to.mkdir()
    assert main(["export", str(finished), "--task", "city", "--to", str(to), "--no-onnx", "--checkpoint", "last"]) == 0
    assert sorted(path.name for path in to.iterdir()) == ["bundle.json", "bundle.safetensors"]
    assert "task 'city' of step 12" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_nothing_is_overwritten(finished, tmp_path, capsys, kind):
    to = tmp_path / "city"
    kept = to / "notes.txt" if kind == "folder" else to
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    assert main(["export", str(finished), "--task", "city", "--to", str(to), "--no-onnx"]) == 2
    assert f"'{to}' is there already" in capsys.readouterr().err
    assert kept.read_text() == "mine"
    assert len(list(tmp_path.rglob("*"))) == (2 if kind == "folder" else 1)


def test_unknown_task_is_answered_with_the_tasks(finished, tmp_path, capsys):
    assert main(["export", str(finished), "--task", "town", "--to", str(tmp_path / "town"), "--no-onnx"]) == 2
    assert "it has city, shapes" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
