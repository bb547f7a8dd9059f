import numpy as np
import pytest
import xarray as xr

from unistd.core.errors import DataError
from unistd.plugins.weather.ersst import MONTHS, Ersst


def write(folder, months=MONTHS, name="sst", units="degC"):
    pytest.importorskip("h5py", reason="h5py, which h5netcdf needs to write NetCDF4, is not installed")
    sst = np.random.default_rng(0).normal(15, 5, (len(months), 3, 4)).astype(np.float32)
    sst[:, 0, 0] = np.nan
    data = xr.Dataset(
        {name: (("time", "lat", "lon"), sst, {"units": units})},
        {"time": months.astype("datetime64[ns]"), "lat": [2.0, 0.0, -2.0], "lon": [0.0, 2.0, 4.0, 6.0]},
    )
    encoding = {name: {"_FillValue": np.float32(-9.96921e36)}, "time": {"units": "days since 1800-01-01"}}
    data.to_netcdf(folder / "sst.mnmean.nc", engine="h5netcdf", encoding=encoding)
    return sst


def only_sequence(folder):
    (sequence,) = Ersst(root=folder).sequences()
    return sequence


def test_reads_months_with_land_missing(tmp_path):
    sst = write(tmp_path)
    sequence = only_sequence(tmp_path)
    np.testing.assert_array_equal(sequence.frames, sst[:, None])
    assert np.isnan(sequence.frames[:, 0, 0, 0]).all()
    assert str(sequence.times[0]) == "2010-01"
    assert str(sequence.times[-1]) == "2020-08"
    assert [int((sequence.split == name).sum()) for name in ("train", "val", "test")] == [64, 30, 34]
    assert sequence.y[0].tolist() == [2, 0, -2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"months": MONTHS[:-1]}, "holds '127' times instead of 128"),
        ({"months": MONTHS + 1}, "time 0 is '2010-02-01T00:00:00.000000000' instead of 2010-01"),
        ({"name": "temperature"}, "no variable 'sst'\n  help: the file holds temperature"),
        ({"units": "K"}, "'sst' is in 'K' instead of degC"),
    ],
)
def test_another_content_is_refused(tmp_path, change, message):
    write(tmp_path, **change)
    with pytest.raises(DataError) as caught:
        only_sequence(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'sst.mnmean.nc'}: ")
    assert message in str(caught.value)


def test_a_truncated_file_is_named(tmp_path):
    write(tmp_path)
    path = tmp_path / "sst.mnmean.nc"
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(DataError, match=r"sst\.mnmean\.nc: cannot be read as NetCDF"):
        only_sequence(tmp_path)


def test_real_file_gives_the_known_scores(real):
    pytest.importorskip("h5py", reason="h5py, which h5netcdf needs to read NetCDF4, is not installed")
    sst = only_sequence(real("ersst")).frames[:, 0]
    assert sst.shape == (128, 89, 180)
    assert round(float(np.isnan(sst).mean()), 2) == 0.31
    known, month = 98, np.arange(128) % 12  # the scores' climatology is of the first 98 months
    anomaly = (sst - np.stack([sst[:known][month[:known] == m].mean(0) for m in range(12)])[month])[known:]
    rmse = [np.sqrt(np.nanmean((anomaly[lag:] - anomaly[:-lag]) ** 2)) for lag in (1, 3, 6)]
    np.testing.assert_array_equal(np.round(rmse, 2), np.float32([0.38, 0.58, 0.64]))
    assert round(float(np.sqrt(np.nanmean(anomaly**2))), 2) == 0.53
