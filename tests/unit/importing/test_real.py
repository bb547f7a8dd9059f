"""Real files, imported by a card alone, give the frames, times and splits of the tasks that are built in."""

import numpy as np
import pytest

from unistd.core.data.raw import raw_folder
from unistd.core.errors import DataError
from unistd.plugins.traffic.nyc_taxi import NycTaxi
from unistd.plugins.weather.ersst import Ersst
from unistd.plugins.weather.globcurrent import GlobCurrent
from unistd.plugins.weather.wfde5 import VARIABLES, Wfde5

DATES = {
    "ersst": {"val": "2015-05-01", "test": "2017-11-01"},
    "wfde5": {"val": "2017-01-22T16:00", "test": "2017-01-27T08:00"},
    "globcurrent": {"val": "2002-06-25", "test": "2002-08-08"},
}


@pytest.fixture
def folder():
    def find(name):
        try:
            return raw_folder(None, name)
        except DataError as error:
            pytest.skip(f"real data absent: {error.message}")

    return find


def same(task, imported, name):
    (wanted,) = task.sequences()
    assert task.card.channels == tuple(imported.card.channels)
    (found,) = imported.sequences()
    compute = getattr(wanted.frames, "compute", lambda: wanted.frames)
    np.testing.assert_array_equal(found.frames.compute(), compute())
    np.testing.assert_array_equal(found.times, wanted.times.astype("datetime64[ms]"))
    assert found.split.tolist() == wanted.split.tolist(), name
    np.testing.assert_array_equal(found.y[0], wanted.y[0])
    np.testing.assert_array_equal(found.x[0], wanted.x[0])


def test_monthly_sea_surface_temperature(folder, task):
    channels = {"sea_surface_temperature": {"variable": "sst", "unit": "degC"}}
    own = {
        "files": ["*.nc"],
        "folder": folder("ersst"),
        "channels": channels,
        "step": [1, "M"],
        "split": {"dates": DATES["ersst"]},
    }
    same(Ersst(), task(**own, dims=None, time=None, missing="mask"), "ersst")


def test_hourly_weather_with_one_variable_a_file(folder, task):
    channels = {
        name: {"variable": variable, "unit": unit, "files": [f"{name}.nc"]} for name, variable, unit in VARIABLES
    }
    own = {
        "files": None,
        "folder": folder("wfde5"),
        "channels": channels,
        "step": [1, "h"],
        "split": {"dates": DATES["wfde5"]},
    }
    same(Wfde5(), task(**own, dims=None, time=None, missing="mask"), "wfde5")


def test_half_hourly_taxi_trips_in_two_files_named_in_their_order(folder, task):
    files = [f"flow_{part}.npz" for part in ("train", "test")]
    own = {
        "files": files,
        "folder": folder("nyc_taxi"),
        "variable": "flow",
        "dims": ["time", "y", "x", "channel"],
        "step": [30, "m"],
    }
    channels = {name: {"unit": "trips"} for name in ("inflow", "outflow")}
    split = {"dates": {"val": "2016-02-19", "test": "2016-03-04"}}
    (found,) = task(**own, channels=channels, time={"start": "2016-01-01"}, split=split).sequences()
    (wanted,) = NycTaxi().sequences()
    np.testing.assert_array_equal(found.frames.compute(), wanted.frames)
    np.testing.assert_array_equal(found.times, wanted.times.astype("datetime64[ms]"))
    assert found.split.tolist() == wanted.split.tolist()


@pytest.mark.slow
def test_daily_currents_with_one_day_a_file_and_unit_with_a_capital(folder, task):
    ways = ("eastward", "northward")
    channels = {f"{w}_current": {"variable": f"{w}_eulerian_current_velocity", "unit": "m s-1"} for w in ways}
    own = {"files": ["*.nc"], "channels": channels, "step": [1, "D"], "split": {"dates": DATES["globcurrent"]}}
    own["folder"] = folder("globcurrent")
    same(GlobCurrent(), task(**own, dims=None, time=None, missing="mask"), "globcurrent")
