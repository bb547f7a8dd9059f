import h5netcdf
import numpy as np
import pytest
from scipy.io import netcdf_file

from unistd.core.data.prepare import prepare
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.plugins.weather import enso
from unistd.plugins.weather.enso import Enso, unfold

LAT, LON = np.arange(-55.0, 65, 5), np.arange(0.0, 360, 5)
FEW = {"cmip6": (1, 3), "cmip5": (3, 5)}


def record(number, years):
    """Months of one model whose value tells model, month and column."""
    months = np.arange(12 * (years + 2), dtype=np.float32)
    return -number + months[:, None, None] / 100 + LON[None, None] / 1e6 + np.zeros((1, 24, 1), np.float32)


def rows(months):
    return np.stack([months[12 * year : 12 * year + 36] for year in range(len(months) // 12 - 2)]).astype(np.float32)


def create(file, sst=None, years=0, dims=("year", "month", "lat", "lon"), name="sst", lat=LAT, lon=LON):
    """The publisher's variables; without ``sst`` rows that take no room and read as 0."""
    shape = sst.shape if sst is not None else (years, 36, len(lat), len(lon))
    sizes = dict(zip(("year", "month", "lat", "lon"), shape, strict=True))
    file.dimensions = sizes
    for axis, values in (("year", np.arange(sizes["year"])), ("month", np.arange(36)), ("lat", lat), ("lon", lon)):
        file.create_variable(axis, (axis,), data=values.astype(np.float64))
    for variable in (name, "t300", "ua", "va"):
        target = file.create_variable(
            variable, dims, np.float32, chunks=tuple(sizes[d] if d != "year" else 1 for d in dims)
        )
        if sst is not None:
            target[...] = sst.transpose([("year", "month", "lat", "lon").index(d) for d in dims])


def write(path, **content):
    with h5netcdf.File(path, "w") as file:
        create(file, **content)
    return path


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Three years of one model of CMIP6, five of three of CMIP5, and of SODA."""
    monkeypatch.setattr(enso, "MODELS", FEW)
    monkeypatch.setattr(enso, "SODA_YEARS", 5)
    cmip = np.concatenate([rows(record(n, y)) for n, y in ((1, 3), (2, 5), (3, 5), (4, 5))])
    write(tmp_path / "CMIP_train.nc", sst=cmip)
    write(tmp_path / "SODA_train.nc", sst=rows(record(5, 5)))
    return tmp_path


@pytest.mark.parametrize(
    ("protocol", "counts"),
    [
        ("earthformer", (52_350, 1_679, 1_679)),
        ("predbench", (52_350, 1_679, 1_679)),
        ("earthformer-paper", (5_205, 334, 1_667)),
        ("unistd", (52_350, 2 * 1_679, 12 * 102 - 25)),
    ],
)
def test_the_publishers_rows_give_the_published_numbers_of_windows(tmp_path, count_windows, protocol, counts):
    write(tmp_path / "CMIP_train.nc", years=15 * 151 + 17 * 140)
    write(tmp_path / "SODA_train.nc", years=100)
    assert count_windows(Enso(root=tmp_path, protocol=protocol)) == counts


def test_records_are_put_together_from_their_rows(few):
    cmip = list(Enso(root=few, protocol="earthformer").sequences())
    assert [sequence.split for sequence in cmip] == ["train", "train", "val", "test"]
    for number, sequence in enumerate(cmip, 1):
        expected = record(number, 3 if number == 1 else 5)[:, None, :, 19:67]
        np.testing.assert_array_equal(sequence.frames.compute(), expected.astype(np.float32))
    assert cmip[0].x[0][[0, -1]].tolist() == [95, 330]
    assert cmip[0].x[0][[19, 29]].tolist() == [190, 240]
    assert cmip[0].y[0][[10, 12]].tolist() == [-5, 5]


@pytest.mark.parametrize("years", [1, 2, 3, 4, 5, 6, 7])
def test_unfolding_leaves_out_no_month(years):
    months = np.arange(12 * (years + 2), dtype=np.float32)[:, None, None]
    np.testing.assert_array_equal(unfold(rows(months)), months)


def test_unistd_validates_on_models_and_tests_on_the_reanalysis(few, tmp_path):
    store = prepare(Enso(root=few), tmp_path / "s.zarr")
    windows = {split: Windows(store, split, 12, 14) for split in ("train", "val", "test")}
    assert [len(w) for w in windows.values()] == [60 - 25 + 84 - 25, 2 * (84 - 25), 84 - 25]
    past, future = windows["test"].read([3])
    np.testing.assert_allclose(past[0, :, 0, 0, 0], -5 + np.arange(3, 15) / 100 + 95e-6, atol=1e-6)
    np.testing.assert_allclose(future[0, -1, 0, 23, 47], -5 + 0.28 + 330e-6, atol=1e-6)
    np.testing.assert_allclose(store.offset, [-16.549121856689453])
    np.testing.assert_allclose(store.scale, [26.748097419738770])
    assert store.grid == (24, 48)


def test_missing_values_are_masked_by_unistd_and_refused_by_the_benchmarks(few, tmp_path):
    cmip = np.concatenate([rows(record(n, y)) for n, y in ((1, 3), (2, 5), (3, 5), (4, 5))])
    cmip[:, :, 2, 30] = np.nan
    write(few / "CMIP_train.nc", sst=cmip)
    store = prepare(Enso(root=few), tmp_path / "s.zarr")
    assert store.valid.tolist() == [24 * 48 - 1] * (60 + 3 * 84) + [24 * 48] * 84
    with pytest.raises(DataError, match=r"CMIP_train\.nc, cmip6 model 1, frame 0.*a missing value"):
        prepare(Enso(root=few, protocol="earthformer"), tmp_path / "e.zarr")


def test_dimensions_are_found_by_name_and_netcdf_3_is_read_too(few):
    cmip = np.concatenate([rows(record(n, y)) for n, y in ((1, 3), (2, 5), (3, 5), (4, 5))])
    first = [s.frames.compute() for s in Enso(root=few, protocol="earthformer").sequences()]
    write(few / "CMIP_train.nc", sst=cmip, dims=("year", "month", "lon", "lat"))
    np.testing.assert_array_equal(next(Enso(root=few).sequences()).frames.compute(), first[0])
    with netcdf_file(few / "CMIP_train.nc", "w") as file:
        for axis, values in (("year", np.arange(18.0)), ("month", np.arange(36.0)), ("lat", LAT), ("lon", LON)):
            file.createDimension(axis, len(values))
            file.createVariable(axis, "f8", (axis,))[:] = values
        file.createVariable("sst", "f4", ("year", "month", "lat", "lon"))[:] = cmip
    again = [s.frames.compute() for s in Enso(root=few, protocol="earthformer").sequences()]
    np.testing.assert_array_equal(again[3], first[3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"years": 17}, "'sst' from 95 to 330° E has shape '(17, 36, 24, 48)' instead of (18, 36, 24, 48)"),
        ({"years": 18, "lat": LAT[1:]}, "has shape '(18, 36, 23, 48)' instead of (18, 36, 24, 48)"),
        ({"years": 18, "lon": LON - 180}, "has shape '(18, 36, 24, 17)' instead of (18, 36, 24, 48)"),
        ({"years": 18, "name": "tos"}, "no variable 'sst' over year, month, lat, lon\n  help: holds tos"),
    ],
)
def test_another_content_is_refused(few, change, message):
    write(few / "CMIP_train.nc", **change)
    with pytest.raises(DataError) as caught:
        list(Enso(root=few).sequences())
    assert str(caught.value).startswith(f"{few / 'CMIP_train.nc'}: ")
    assert message in str(caught.value)


def test_rows_that_do_not_go_on_from_one_another_are_named_by_unistd(few):
    cmip = np.concatenate([rows(record(n, y)) for n, y in ((1, 3), (2, 5), (3, 5), (4, 5))])
    cmip[5, 20, 3, 30] += 1
    write(few / "CMIP_train.nc", sst=cmip)
    sequences = list(Enso(root=few).sequences())
    sequences[0].frames.compute()
    with pytest.raises(DataError, match=r"CMIP_train\.nc: rows 4 and 5 of cmip5 model 1 differ in the 24 months"):
        sequences[1].frames.compute()


@pytest.mark.parametrize("name", ["CMIP_train.nc", "SODA_train.nc"])
def test_a_damaged_or_missing_file_is_named(few, name):
    path = few / name
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(DataError, match=f"{name}: cannot be read as NetCDF"):
        list(Enso(root=few).sequences())
    path.write_bytes(b"CDF\x01")
    with pytest.raises(DataError, match=f"{name}: cannot be read as NetCDF"):
        list(Enso(root=few).sequences())
    path.unlink()
    with pytest.raises(DataError, match=f"no file '{name}'"):
        list(Enso(root=few).sequences())
    if name == "SODA_train.nc":
        assert len(list(Enso(root=few, protocol="earthformer").sequences())) == 4
