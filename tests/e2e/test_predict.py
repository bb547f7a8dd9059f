"""Forecasts written by the command, as a user opens them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray

from unistd.cli.main import main


@pytest.fixture(scope="module")
def written(finished, tmp_path_factory):
    out = tmp_path_factory.mktemp("forecast") / "city.zarr"
    assert main(["predict", str(finished), "--task", "city", "--out", str(out)]) == 0
    return out


def test_opens_in_xarray_with_coordinates_and_units(written):
    data = xarray.open_zarr(written, consolidated=False)
    assert data["forecast"].dims == ("start", "lead", "channel", "y", "x")
    assert data["forecast"].attrs["units"] == "trips"
    assert data["channel"].values.tolist() == ["inflow", "outflow"]
    assert data["time"].dims == ("start", "lead")
    assert (data["time"].values[:, 0] > data["start"].values).all()


def test_error_of_the_file_is_that_of_metrics(written, finished):
    import json

    data = xarray.open_zarr(written, consolidated=False)
    mse = float(((data["forecast"] - data["truth"]).astype(np.float64) ** 2).mean())
    metrics = json.loads((finished / "metrics.json").read_text())
    assert mse == pytest.approx(metrics["tasks"]["city"]["test"]["mse"], rel=1e-5)


def test_a_strip_and_a_gif_lie_beside_it(written):
    assert {path.name for path in written.with_name("city-figures").iterdir()} == {"city.png", "city.gif"}


def test_latest_needs_no_truth(finished, tmp_path):
    out = tmp_path / "next.zarr"
    assert main(["predict", str(finished), "--task", "city", "--out", str(out), "--latest"]) == 0
    data = xarray.open_zarr(out, consolidated=False)
    assert "truth" not in data
    assert data.sizes["start"] == 1
    assert np.isfinite(data["forecast"].values).all()


def test_nothing_is_overwritten(written, finished, capsys):
    assert main(["predict", str(finished), "--task", "city", "--out", str(written)]) == 2
    assert f"'{written}' is there already" in capsys.readouterr().err


def test_unknown_task_is_answered_with_the_tasks(finished, tmp_path, capsys):
    assert main(["predict", str(finished), "--task", "town", "--out", str(tmp_path / "x.zarr")]) == 2
    said = capsys.readouterr().err
    assert "the run has no task 'town'" in said
    assert "it has city, shapes" in said


def test_a_tile_larger_than_the_grid_changes_nothing(written, finished, tmp_path):
    out = tmp_path / "tiles.zarr"
    assert main(["predict", str(finished), "--task", "city", "--out", str(out), "--tile", "64"]) == 0
    tiles, whole = (xarray.open_zarr(path, consolidated=False) for path in (out, written))
    np.testing.assert_array_equal(tiles["forecast"], whole["forecast"])
    assert tiles.attrs["tile"] == "64 pixels, 0 of overlap"
    assert "tile" not in whole.attrs
    assert {path.name for path in (tmp_path / "tiles-figures").iterdir()} == {"city.png", "city.gif"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--overlap", "32"], "'--overlap 32' is of tiles"),
        (["--tile", "50"], "tile '50' is not a multiple of 32 pixels"),
    ],
)
def test_impossible_tiles_are_refused_before_anything_is_opened(options, said, tmp_path, capsys):
    assert main(["predict", str(tmp_path), "--task", "city", "--out", str(tmp_path / "x.zarr"), *options]) == 2
    assert said in capsys.readouterr().err


LARGE = """\
version: 1
name: large
seed: 1
model:
  backbone: {{kind: timm-vit, variant: vit_tiny_patch16_224, depth: 2, width: 48, heads: 2, pretrained: false}}
  adapter: {{kind: ra-moe, experts: {{q: 2, k: 2, v: 2, proj: 2}}, rank: {{first: 1.5, max: 3, phase: 0.5}}}}
tasks:
  shapes:
    {{kind: synthetic-motion, height: 128, width: 224, shapes: 8, train: 40, val: 2, test: 2, frames: 10,
      window: {{past: 4, future: 4}}, head: {{kind: conv, width: 8}}}}
training: {{steps: 60, batch: 2, optimizer: {{kind: adamw, lr: 0.004}}, checkpoint: {{every: 30}}}}
output: {output}
"""


@pytest.mark.slow
def test_tiles_of_a_model_that_looks_everywhere_are_as_good_as_the_whole(tmp_path):
    """Attention, norms and the temporal module see a tile and not the grid, so forecasts differ; scores hardly do."""
    (tmp_path / "spec.yaml").write_text(LARGE.format(output=tmp_path / "run"))
    assert main(["train", str(tmp_path / "spec.yaml")]) == 0
    mse = {}
    for name, options in {"whole": [], "tiles": ["--tile", "128", "--overlap", "32"]}.items():
        out = tmp_path / f"{name}.zarr"
        assert main(["predict", str(tmp_path / "run"), "--task", "shapes", "--out", str(out), *options]) == 0
        data = xarray.open_zarr(out, consolidated=False)
        mse[name] = float(((data["forecast"] - data["truth"]).astype(np.float64) ** 2).mean())
    assert mse["tiles"] == pytest.approx(mse["whole"], rel=0.03)
    assert mse["tiles"] != mse["whole"]
