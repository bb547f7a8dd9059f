import numpy as np
import pytest
import xarray as xr

from unistd.core.data.prepare import prepare
from unistd.core.errors import DataError

LABELLED = {"dims": None, "time": None, "missing": "mask", "channels": {"t": {"unit": "K"}}}


@pytest.fixture
def write(noise, tmp_path):
    """Write a NetCDF file or zarr group of ``t``; attributes and encoding as given."""

    def make(name="a.nc", *, values=None, dims=("time", "lat", "lon"), attrs=None, times=None, coords=None, **encoding):
        values = noise(8, 3, 4) if values is None else values
        when = {"units": "hours since 1900-01-01", "calendar": "gregorian"} if times is None else times
        numbers = np.arange(values.shape[0], dtype=np.float64)
        data = xr.Dataset(
            {"t": (dims, values, {"units": "K"} if attrs is None else attrs)},
            {
                "time": ("time", when.pop("values", numbers), when),
                "lat": ("lat", [10.0, 8.0, 6.0], {"units": "degrees_north"}),
                "lon": ("lon", [0.0, 90.0, 180.0, 270.0], {"units": "degrees_east"}),
                **(coords or {}),
            },
        )
        if name.endswith(".zarr"):
            data.to_zarr(tmp_path / name, encoding={"t": encoding}, consolidated=False)
        else:
            engine = "scipy" if name.startswith("classic") else "h5netcdf"
            data.to_netcdf(tmp_path / name, engine=engine, encoding={"t": encoding}, unlimited_dims=["time"])
        return values, tmp_path / name

    return make


@pytest.fixture
def only(read):
    def make(name="a.nc", **changes):
        (found,) = read(**{**LABELLED, "files": [name], **changes})
        return found

    return make


@pytest.mark.parametrize("name", ["a.nc", "classic.nc", "a.zarr"])
def test_a_field_with_coordinates_and_times(write, only, name):
    values, _ = write(name)
    found = only(name)
    np.testing.assert_array_equal(found.frames[:, 0], values)
    assert str(found.times[-1]) == "1900-01-01T07:00:00.000"
    assert found.y[0].tolist() == [10, 8, 6]
    assert found.x[1]["units"] == "degrees_east"


PACKED = [
    {"dtype": "i2", "scale_factor": 0.01, "add_offset": 100.0, "_FillValue": -32768},
    {"dtype": "u1", "scale_factor": 2.0, "_FillValue": 255},
    {"dtype": "i1", "_FillValue": np.int8(-1), "_Unsigned": "true"},
    {"dtype": ">f4", "_FillValue": 1e20},
    {"dtype": "f8", "missing_value": -999.0},
]


@pytest.mark.parametrize("encoding", PACKED)
def test_packed_values_are_those_of_xarray(write, only, noise, encoding):
    values = np.abs(noise(8, 3, 4)).round()
    values[2, 1, 1] = np.nan
    _, path = write(values=values, **encoding)
    wanted = xr.open_dataset(path, engine="h5netcdf", decode_times=False)["t"].values
    found = only().frames[:, 0]
    np.testing.assert_array_equal(found, wanted)
    assert np.isnan(found).sum() == 1


@pytest.mark.parametrize(
    ("limits", "encoding"),
    [
        ({"valid_range": np.array([0.0, 50.0])}, {}),
        ({"valid_max": np.int16(500)}, {"dtype": "i2", "scale_factor": 0.1, "_FillValue": -1}),  # packed: 50
        ({"valid_max": 50.0}, {"dtype": "i2", "scale_factor": 0.1, "_FillValue": -1}),
    ],
)
def test_values_outside_the_valid_range_are_missing(write, only, noise, limits, encoding):
    values = np.full((8, 3, 4), 20.0)
    values[3, 0, 0] = 60
    write(values=values, attrs={"units": "K", **limits}, **encoding)
    found = only().frames[:, 0]
    assert np.argwhere(np.isnan(found)).tolist() == [[3, 0, 0]]
    np.testing.assert_allclose(found[0], 20)


def test_a_moving_mask_takes_no_part_and_an_undeclared_one_stops(write, task, noise, tmp_path):
    values = noise(8, 3, 4)
    for i in range(8):
        values[i, 0, i % 4] = np.nan
    write(values=values)
    store = prepare(task(**LABELLED, files=["a.nc"]), tmp_path / "s.zarr")
    assert store.valid.tolist() == [11] * 8
    with pytest.raises(DataError, match=r"a\.nc, frame 0 .*channel 't' has a missing value .* at y 0, x 0"):
        prepare(task(**{**LABELLED, "missing": "error"}, files=["a.nc"]), tmp_path / "other.zarr")


@pytest.mark.parametrize("name", ["a.nc", "a.zarr"])
def test_each_place_on_an_axis_named_sequence_is_a_sequence(write, read, noise, name):
    values = noise(6, 5, 3, 4)
    start = {"start": "2000-01-01"}
    write(name, values=values, dims=("sequence", "time", "lat", "lon"), times={"values": np.arange(5.0)})
    card = {**LABELLED, "files": [name], "time": start}
    found = read(**card)
    assert [own.name for own in found] == [f"{name}[{i}]" for i in range(6)]
    np.testing.assert_array_equal(np.stack([own.frames[:, 0] for own in found]), values)
    with pytest.raises(DataError, match=r"an axis 'sequence', and sequence: all\n  help: leave it out"):
        read(**card, sequence="all")


def test_a_level_of_length_one_is_dropped_and_of_more_is_picked(write, only, noise):
    values = noise(8, 1, 3, 4)
    write(values=values, dims=("time", "lev", "lat", "lon"))
    np.testing.assert_array_equal(only().frames, values)
    values = noise(8, 2, 3, 4)
    write("b.nc", values=values, dims=("time", "lev", "lat", "lon"), coords={"lev": ("lev", [1000.0, 850.0])})
    np.testing.assert_array_equal(only("b.nc", select={"lev": 850}).frames[:, 0], values[:, 1])
    with pytest.raises(DataError, match=r"axis 'lev' has no '500'\n  help: it holds 1000.0, 850.0"):
        only("b.nc", select={"lev": 500})
    for name, held, asked in (("c.nc", [0.49402499198913574, 1.5], 0.494025), ("d.nc", ["r1i1p1f1", "r2"], 0)):
        write(name, values=values, dims=("time", "lev", "lat", "lon"), coords={"lev": ("lev", held)})
        np.testing.assert_array_equal(only(name, select={"lev": asked}).frames[:, 0], values[:, 0])
    with pytest.raises(DataError, match=r"axis 'lev' of 't' has 2 places .*\n  help: select: \{lev: …\}"):
        only("b.nc")


def test_longitudes_are_kept_or_wrapped_from_west_to_east(write, only):
    values, _ = write()
    assert only().x[0].tolist() == [0, 90, 180, 270]
    found = only(longitude="wrap")
    assert found.x[0].tolist() == [-180, -90, 0, 90]
    np.testing.assert_array_equal(found.frames[:, 0], values[:, :, [2, 3, 0, 1]])


def test_the_order_of_axes_is_the_file_s_own(write, only, noise):
    values = noise(8, 4, 3)
    write(values=values, dims=("time", "lon", "lat"))
    np.testing.assert_array_equal(only().frames[:, 0], values.transpose(0, 2, 1))
    with pytest.raises(DataError, match=r"axis 'lon' of 't' is x by what the file says, the card's dims say y\n"):
        only(dims=["time", "y", "x"])


@pytest.mark.parametrize(
    ("attrs", "changes", "message"),
    [
        ({"units": "degC"}, {}, "'t' is in 'degC', the card says channel 't' is in K"),
        (None, {"channels": {"q": {"unit": "1"}}}, "no variable 'q'\n  help: the file holds t"),
        (
            None,
            {"dims": ["level", "time", "y", "x"]},
            "'t' has '3' axes (time, lat, lon) of shape (8, 3, 4), the card's",
        ),
        (None, {"time": {"coordinate": "when"}}, "no variable 'when'\n  help: the file holds t, time, lat, lon"),
    ],
)
def test_what_the_file_does_not_hold(write, only, attrs, changes, message):
    _, path = write(attrs=attrs)
    with pytest.raises(DataError) as caught:
        only(**changes)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_unit_with_a_capital_counts_as_units(write, only):
    write("classic.nc", attrs={"Unit": "K"}, times={"Unit": "days since 1900-1-1"})
    assert str(only("classic.nc", step=[1, "D"]).times[1]) == "1900-01-02T00:00:00.000"
    with pytest.raises(DataError, match="'t' is in 'K', the card says channel 't' is in degC"):
        only("classic.nc", step=[1, "D"], channels={"t": {"unit": "degC"}})


def test_files_are_sorted_by_their_times(write, only, noise):
    late, _ = write("a.nc", times={"units": "hours since 1900-01-01T08"})
    early, _ = write("b.nc", values=noise(8, 3, 4) + 1)
    found = only("*.nc")
    np.testing.assert_array_equal(found.frames[:, 0], np.concatenate([early, late]))
    assert (np.diff(found.times) == np.timedelta64(1, "h")).all()


def test_times_that_overlap_or_do_not_rise_name_the_file(write, only):
    write("a.nc")
    write("b.nc", times={"units": "hours since 1900-01-01T07"})
    with pytest.raises(DataError, match=r"b\.nc: begins at '1900-01-01T07.*', but 'a\.nc' goes on until 1900-01-01T07"):
        only("*.nc")
    write("c.nc", times={"units": "hours since 1900-01-01", "values": np.array([0.0, 1, 2, 2, 3, 4, 5, 6])})
    with pytest.raises(
        DataError, match=r"c\.nc: times do not increase: frame 3 has '1900-01-01T02.*' after '1900-01-01T02"
    ):
        only("c.nc")


def test_one_frame_a_file_without_an_axis_of_time(noise, only, tmp_path):
    values = noise(8, 3, 4)
    for i in range(8):
        time = ((), float(i), {"units": "days since 2001-01-01"})
        data = xr.Dataset({"t": (("lat", "lon"), values[i], {"units": "K"})}, {"when": time})
        data.to_netcdf(tmp_path / f"{i}.nc", engine="scipy")
    found = only("*.nc", time={"coordinate": "when"}, step=[1, "D"])
    np.testing.assert_array_equal(found.frames[:, 0], values)
    assert str(found.times[-1]) == "2001-01-08T00:00:00.000"


def test_channels_in_files_of_their_own(write, noise, tmp_path, read):
    first, _ = write("a.nc")
    second, _ = write("b.nc", values=noise(8, 3, 4) + 1)
    channels = {"b": {"unit": "K", "variable": "t", "files": ["b.nc"]}, "a": {"unit": "K", "variable": "t"}}
    (found,) = read(**{**LABELLED, "channels": channels, "files": ["a.nc"]})
    np.testing.assert_array_equal(found.frames, np.stack([second, first], 1))
    write("b.nc", times={"units": "hours since 1900-01-02"})
    with pytest.raises(DataError, match=r"frame 0 is of '1900-01-0.T00:00:00\.000', that of '.\.nc' is of 1900-01-0"):
        read(**{**LABELLED, "channels": channels, "files": ["a.nc"]})


@pytest.mark.parametrize("name", ["a.nc", "classic.nc"])
def test_a_truncated_file_is_named(write, only, name, noise):
    _, path = write(name, values=noise(400, 3, 4))
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(DataError, match=rf"{name}: cannot be read: "):
        only(name)
