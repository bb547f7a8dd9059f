import numpy as np
import pytest
import xarray as xr

from unistd.core.errors import DataError
from unistd.plugins.weather.wfde5 import HOURS, VARIABLES, Wfde5

SHORTWAVE = "surface_downwelling_shortwave_flux_in_air"


def write_one(folder, file, variable, unit, hours=HOURS, since="hours since 1900-01-01", lat=(50.0, 50.5), seed=0):
    values = np.random.default_rng(seed).random((len(hours), len(lat), 3), np.float32)
    values[:, 0, 0] = np.nan
    data = xr.Dataset(
        {variable: (("time", "lat", "lon"), values, {"units": unit})},
        {"time": hours.astype("datetime64[ns]"), "lat": list(lat), "lon": [0.0, 0.5, 1.0]},
    )
    encoding = {variable: {"_FillValue": np.float32(1e20)}, "time": {"units": since, "dtype": "float64"}}
    data.to_netcdf(folder / f"{file}.nc", engine="h5netcdf", encoding=encoding)
    return values


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("h5py", reason="h5py, which h5netcdf needs to write NetCDF4, is not installed")
    for seed, (file, variable, unit) in enumerate(VARIABLES):
        since = "seconds since 1970-01-01" if file == SHORTWAVE else "hours since 1900-01-01"
        write_one(tmp_path, file, variable, unit, since=since, seed=seed)
    return tmp_path


def only_sequence(folder):
    (sequence,) = Wfde5(root=folder).sequences()
    return sequence


def test_six_files_of_two_time_units_make_six_channels(folder):
    shortwave = write_one(folder, SHORTWAVE, "SWdown", "W m-2", since="seconds since 1970-01-01", seed=4)
    sequence = only_sequence(folder)
    assert sequence.frames.shape == (744, 6, 2, 3)
    channel = [channel.name for channel in Wfde5.card.channels].index(SHORTWAVE)
    np.testing.assert_array_equal(sequence.frames[:, channel], shortwave)
    assert np.isnan(sequence.frames[:, :, 0, 0]).all()
    assert not np.isnan(sequence.frames[:, :, 1]).any()
    assert [int((sequence.split == name).sum()) for name in ("train", "val", "test")] == [520, 112, 112]


def test_each_channel_is_another_variable(folder):
    frames = only_sequence(folder).frames
    assert len({float(frames[0, channel, 1, 1]) for channel in range(6)}) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit": "kW m-2"}, "'SWdown' is in 'kW m-2' instead of W m-2"),
        ({"variable": "rsds"}, "no variable 'SWdown'\n  help: the file holds rsds"),
        ({"hours": HOURS + 1}, "time 0 is '2017-01-01T01:00:00.000000000' instead of 2017-01-01T00"),
        ({"hours": HOURS[:700]}, "holds '700' times instead of 744"),
        ({"lat": (50.0, 50.25)}, "is on another grid than 'air_temperature.nc'"),
        ({"lat": (50.0, 50.5, 51.0)}, "is on another grid than 'air_temperature.nc'"),
    ],
)
def test_a_file_that_does_not_fit_the_others_is_named(folder, change, message):
    write_one(folder, SHORTWAVE, **{"variable": "SWdown", "unit": "W m-2", **change})
    with pytest.raises(DataError) as caught:
        only_sequence(folder)
    assert str(caught.value).startswith(f"{folder / SHORTWAVE}.nc: ")
    assert message in str(caught.value)


def test_a_missing_file_is_named(folder):
    (folder / "wind_speed.nc").unlink()
    with pytest.raises(DataError, match=r"no file 'wind_speed\.nc'"):
        only_sequence(folder)


def test_real_files_give_the_known_scores(real):
    pytest.importorskip("h5py", reason="h5py, which h5netcdf needs to read NetCDF4, is not installed")
    frames = only_sequence(real("wfde5")).frames
    assert frames.shape == (744, 6, 20, 28)
    temperature = frames[:, 0]
    rmse = [np.sqrt(np.nanmean((temperature[lag:] - temperature[:-lag]) ** 2)) for lag in (1, 6, 24)]
    np.testing.assert_array_equal(np.round(rmse, 2), np.float32([0.54, 2.13, 3.18]))
    assert round(float(np.isnan(frames).mean()), 2) == 0.55
