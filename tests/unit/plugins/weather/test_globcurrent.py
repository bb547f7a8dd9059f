import numpy as np
import pytest
from scipy.io import netcdf_file

from unistd.core.errors import DataError
from unistd.plugins.weather.globcurrent import COMPONENTS, DAYS, NAME, GlobCurrent


def path_of(folder, day):
    return folder / NAME.format(day=str(day).replace("-", ""))


def write(folder, day, fill=0.0, unit="m s-1", columns=3, written_day=None):
    """One day's file as published: the unit's attribute is spelt ``Unit``, which CF does not know."""
    with netcdf_file(path_of(folder, day), "w") as file:
        for name, size in (("time", 1), ("lat", 2), ("lon", columns)):
            file.createDimension(name, size)
            variable = file.createVariable(name, "f8", (name,))
            variable[:] = np.arange(size, dtype=float)
            variable.Unit = "degrees"
        file.variables["time"][:] = float(((written_day or day) - np.datetime64("1900-01-01")).astype(int))
        file.variables["time"].Unit = "days since 1900-1-1"
        for component, way in enumerate(COMPONENTS):
            variable = file.createVariable(f"{way}_eulerian_current_velocity", "f8", ("time", "lat", "lon"))
            values = np.full((1, 2, columns), fill + component)
            values[0, 0, 0] = np.nan
            variable[:] = values
            variable.Unit = unit


@pytest.fixture
def folder(tmp_path):
    for number, day in enumerate(DAYS):
        write(tmp_path, day, fill=float(number))
    return tmp_path


def only_sequence(folder):
    (sequence,) = GlobCurrent(root=folder).sequences()
    return sequence


def test_days_are_read_when_computed_in_order_of_time(folder):
    sequence = only_sequence(folder)
    assert sequence.frames.shape == (263, 2, 2, 3)
    frames = sequence.frames.compute()
    np.testing.assert_array_equal(frames[:, 0, 1, 1], np.arange(263.0))
    np.testing.assert_array_equal(frames[:, 1, 1, 1], np.arange(263.0) + 1)
    assert np.isnan(frames[:, :, 0, 0]).all()
    assert [int((sequence.split == name).sum()) for name in ("train", "val", "test")] == [175, 44, 44]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit": "cm s-1"}, "'eastward_eulerian_current_velocity' is in 'cm s-1' instead of m s-1"),
        ({"written_day": DAYS[7]}, "time 0 is '2002-01-08T00:00:00.000000000' instead of 2002-01-06"),
        ({"columns": 4}, "the currents have shape '(2, 2, 4)' instead of (2, 2, 3)"),
    ],
)
def test_a_day_that_is_not_what_it_should_be_is_named(folder, change, message):
    write(folder, DAYS[5], **change)
    sequence = only_sequence(folder)
    with pytest.raises(DataError) as caught:
        sequence.frames.compute()
    assert str(caught.value).startswith(f"{path_of(folder, DAYS[5])}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("kept", [0, 40, 300])
def test_a_truncated_day_is_named(folder, kept):
    path = path_of(folder, DAYS[100])
    path.write_bytes(path.read_bytes()[:kept])
    sequence = only_sequence(folder)
    with pytest.raises(DataError, match=rf"{path.name}: "):
        sequence.frames.compute()


def test_a_missing_day_is_named(folder):
    path_of(folder, DAYS[17]).unlink()
    with pytest.raises(DataError, match="no file '20020118000000-GLOBCURRENT"):
        only_sequence(folder)


def test_real_files_give_the_known_scores(real):
    current = only_sequence(real("globcurrent")).frames.compute()
    assert current.shape == (263, 2, 41, 81)
    assert round(float(np.isnan(current).mean()), 2) == 0.23
    northward = current[:, 1]
    rmse = [np.sqrt(np.nanmean((northward[lag:] - northward[:-lag]) ** 2)) for lag in (1, 5, 10)]
    np.testing.assert_allclose(rmse, [0.12, 0.22, 0.33], atol=0.01)
