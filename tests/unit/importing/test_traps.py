"""What makes files of the field go wrong elsewhere, all the way into a store."""

import numpy as np
import pytest
import xarray as xr

from unistd.core.data.prepare import prepare
from unistd.core.errors import DataError

OWN = {"dims": None, "time": None, "missing": "mask"}
LAT, LON = ("lat", [10.0, 8.0, 6.0], {"units": "degrees_north"}), ("lon", [0.0, 90.0, 180.0, 270.0])
EAST = {"units": "degrees_east"}


@pytest.fixture
def write(tmp_path):
    """Write ``values`` (time, lat, lon) as the variable ``t`` of a NetCDF file."""

    def make(name, values, when, *, lat=LAT, hours=None, extra=None, **encoding):
        numbers = np.arange(float(len(values))) if hours is None else hours
        data = xr.Dataset(
            {"t": (("time", "lat", "lon"), values, {"units": "K"}), **(extra or {})},
            {"time": ("time", numbers, when), "lat": lat, "lon": (*LON, EAST)},
        )
        data.to_netcdf(tmp_path / name, engine="h5netcdf", encoding={"t": encoding})
        return tmp_path / name

    return make


def test_variables_whose_files_count_time_in_other_units_and_spellings(write, noise, task, tmp_path):
    write("a.nc", noise(8, 3, 4), {"units": "hours since 1900-01-01"}, hours=np.arange(8.0) + 24 * 366)
    write("b.nc", noise(8, 3, 4) + 1, {"Unit": "days since 1901-01-02 00:00:00"}, hours=np.arange(8) / 24)
    write("c.nc", noise(8, 3, 4) + 2, {"units": "seconds since 1901-1-2"}, hours=3600.0 * np.arange(8))
    channels = {name: {"unit": "K", "variable": "t", "files": [f"{name}.nc"]} for name in "abc"}
    store = prepare(task(**OWN, files=None, channels=channels), tmp_path / "s.zarr")
    assert str(store.times[0]) == "1901-01-02T00:00:00.000"
    assert len(np.unique(store.sequence)) == 1
    np.testing.assert_array_equal(store.read(0, 8)[:, 2], noise(8, 3, 4) + 2)


@pytest.mark.parametrize(("calendar", "day"), [("noleap", 58), ("360_day", 59)])
def test_the_end_of_february_of_a_climate_model_is_no_gap(write, noise, task, tmp_path, calendar, day):
    pytest.importorskip("cftime", reason="cftime, of the extra 'import', is not installed")
    days = np.arange(8.0) + day - 4
    write("a.nc", noise(8, 3, 4), {"units": "days since 2004-01-01", "calendar": calendar}, hours=days)
    own = task(**{**OWN, "channels": {"t": {"unit": "K"}}}, files=["a.nc"], step=[1, "D"])
    assert len(np.unique(prepare(own, tmp_path / "s.zarr").sequence)) == 1
    days[5:] += 1  # a day that the file really lacks
    write("a.nc", noise(8, 3, 4), {"units": "days since 2004-01-01", "calendar": calendar}, hours=days)
    own = task(**{**OWN, "channels": {"t": {"unit": "K"}}}, files=["a.nc"], step=[1, "D"])
    assert np.flatnonzero(np.diff(prepare(own, tmp_path / "gap.zarr").sequence)).tolist() == [4]


@pytest.mark.parametrize(("calendar", "year"), [("noleap", 365), ("360_day", 360)])
def test_files_of_a_year_each_of_a_climate_model_have_no_gap_between_them(write, noise, task, tmp_path, calendar, year):
    pytest.importorskip("cftime", reason="cftime, of the extra 'import', is not installed")
    for number in range(3):
        units = {"units": f"days since {2000 + number}-01-01", "calendar": calendar}
        days = np.arange(8.0) + (0 if number else year - 8)  # the last of 2000, the first of the others
        days = np.arange(float(year)) if number == 1 else days
        write(f"{number}.nc", noise(len(days), 3, 4), units, hours=days)
    own = task(**{**OWN, "channels": {"t": {"unit": "K"}}}, files=["*.nc"], step=[1, "D"])
    store = prepare(own, tmp_path / "s.zarr")
    assert len(np.unique(store.sequence)) == 1
    assert store.times[0] == np.datetime64("2000-01-01") + year - 8


@pytest.mark.parametrize("lat", [[10.0, 8.0, 6.0], [6.0, 8.0, 10.0]])
def test_latitude_keeps_the_order_of_the_file_with_its_rows(write, noise, task, tmp_path, lat):
    write("a.nc", noise(8, 3, 4), {"units": "hours since 2004-01-01"}, lat=("lat", lat, LAT[2]))
    store = prepare(task(**{**OWN, "channels": {"t": {"unit": "K"}}}, files=["a.nc"]), tmp_path / "s.zarr")
    assert store.y[0].tolist() == lat
    np.testing.assert_array_equal(store.read(0, 8)[:, 0], noise(8, 3, 4))
    own = xr.open_zarr(store.path, consolidated=False)
    np.testing.assert_array_equal(own["frames"].sel(y=8.0).values[:, 0], noise(8, 3, 4)[:, 1])


def test_longitudes_of_0_to_360_are_turned_with_their_values_and_mask(write, noise, task, tmp_path):
    land = np.array([[1, 0, 1, 1]] * 3, np.int8)
    extra = {"land": (("lat", "lon"), land)}
    write("a.nc", noise(8, 3, 4), {"units": "hours since 2004-01-01"}, extra=extra)
    mine = {"variable": "land", "valid": [1]}
    own = task(**{**OWN, "channels": {"t": {"unit": "K"}}}, files=["a.nc"], longitude="wrap", mask=mine)
    store = prepare(own, tmp_path / "s.zarr")
    assert store.x[0].tolist() == [-180, -90, 0, 90]
    wanted = np.where(land, noise(8, 3, 4), np.nan)[:, :, [2, 3, 0, 1]]
    np.testing.assert_array_equal(store.read(0, 8)[:, 0], wanted)
    assert np.isnan(wanted[:, :, 3]).all()


def test_packed_integers_come_out_as_xarray_unpacks_them_and_their_fill_is_missing(write, noise, task, tmp_path):
    values = noise(8, 3, 4).round(2).astype(np.float64)
    values[2, 1, 1] = np.nan
    packing = {"dtype": "i2", "scale_factor": 0.01, "add_offset": 100.0, "_FillValue": -32768}
    path = write("a.nc", values, {"units": "hours since 2004-01-01"}, **packing)
    own = {**OWN, "channels": {"t": {"unit": "K"}}, "files": ["a.nc"]}
    store = prepare(task(**own), tmp_path / "s.zarr")
    unpacked = xr.open_dataset(path, engine="h5netcdf", decode_times=False)["t"].values
    np.testing.assert_array_equal(store.read(0, 8)[:, 0], unpacked.astype(np.float32))
    np.testing.assert_allclose(store.read(0, 8)[:, 0], values, atol=0.0051)
    assert store.valid.tolist() == [12, 12, 11, 12, 12, 12, 12, 12]
    with pytest.raises(DataError, match=r"a\.nc, frame 2 .* channel 't' has a missing value .* at y 1, x 1"):
        prepare(task(**{**own, "missing": "error"}), tmp_path / "other.zarr")
