import numpy as np
import pytest
import xarray as xr

from unistd.core.data.prepare import prepare
from unistd.core.errors import DataError

LAND = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]], np.uint8)
STILL = {"missing": "mask", "files": ["a.npy"], "mask": {"files": ["land.npy"], "dims": ["y", "x"], "valid": [1]}}
MOVING = {**STILL, "mask": {"files": ["seen.npy"], "dims": ["time", "y", "x"], "valid": [1, 2]}}


@pytest.fixture
def seen():
    """A mask of 8 frames in which another pixel is hidden each time."""
    mask = np.full((8, 3, 4), 2, np.int16)
    mask.reshape(8, 12)[np.arange(8), np.arange(8)] = -7
    mask[0, 2, 3] = 1
    return mask


@pytest.fixture
def values(noise, tmp_path):
    np.save(tmp_path / "a.npy", noise(8, 3, 4))
    return noise(8, 3, 4)


def hidden(values, mask, *valid):
    return np.where(np.isin(mask, valid), values, np.nan)


def test_a_still_mask_in_a_file_of_its_own_holds_for_all_frames(task, values, tmp_path):
    np.save(tmp_path / "land.npy", LAND)
    store = prepare(task(**STILL), tmp_path / "s.zarr")
    np.testing.assert_array_equal(store.read(0, 8)[:, 0], hidden(values, LAND, 1))
    assert store.valid.tolist() == [9] * 8
    assert sorted(store.source_files) == [str(tmp_path / "a.npy"), str(tmp_path / "land.npy")]


def test_a_moving_mask_has_a_frame_for_each(read, values, seen, tmp_path):
    np.save(tmp_path / "seen.npy", seen)
    (found,) = read(**MOVING)
    np.testing.assert_array_equal(found.frames[:, 0], hidden(values, seen, 1, 2))
    assert np.isnan(found.frames).sum((1, 2, 3)).tolist() == [1] * 8


def test_another_mask_of_the_same_size_makes_another_version(task, values, tmp_path):
    np.save(tmp_path / "land.npy", LAND)
    one = task(**STILL).card.version
    np.save(tmp_path / "land.npy", LAND.astype(np.float64))
    assert task(**STILL).card.version != one


def test_integers_need_a_fill_value(task, noise, tmp_path):
    np.save(tmp_path / "a.npy", noise(8, 3, 4).astype(np.int16))
    np.save(tmp_path / "land.npy", LAND)
    for fill, why in ((None, "there is no fill_value"), (40000, "cannot hold the card's fill_value 40000")):
        with pytest.raises(DataError, match=f"values of type 'int16' have no NaN for what the mask .*, and {why}\n"):
            task(**STILL, fill_value=fill).runs  # noqa: B018 - a property that reads heads
    store = prepare(task(**STILL, fill_value=-1), tmp_path / "s.zarr")
    np.testing.assert_array_equal(store.read(0, 8)[:, 0], hidden(noise(8, 3, 4).astype(np.int16), LAND, 1))


@pytest.mark.parametrize("moves", [False, True])
def test_a_mask_that_is_another_variable_of_each_file(noise, read, seen, tmp_path, moves):
    mask = seen if moves else LAND
    for name, part in (("a.nc", slice(0, 4)), ("b.nc", slice(4, 8))):
        own = mask[part] if moves else mask
        dims = ("time", "lat", "lon")[-own.ndim :]
        time = ("time", np.arange(8.0)[part], {"units": "hours since 2000-01-01"})
        variables = {"t": (("time", "lat", "lon"), noise(8, 3, 4)[part], {"units": "m"}), "flag": (dims, own)}
        xr.Dataset(variables, {"time": time}).to_netcdf(tmp_path / name, engine="scipy")
    mine = {"variable": "flag", "valid": [1, 2]}
    channels = {"t": {"unit": "m"}}
    (found,) = read(files=["*.nc"], dims=None, time=None, channels=channels, missing="mask", mask=mine)
    np.testing.assert_array_equal(found.frames[:, 0], hidden(noise(8, 3, 4), mask, 1, 2))
    with pytest.raises(DataError, match=r"a\.nc: no variable 'mask'\n  help: the file holds t, flag"):
        read(files=["*.nc"], dims=None, time=None, channels=channels, missing="mask", mask={"valid": [1]})


def test_a_mask_beside_clips_is_that_of_each_clip(noise, read, seen, tmp_path):
    np.savez(tmp_path / "a.npz", height=noise(4, 2, 3, 4), mask=seen.reshape(4, 2, 3, 4))
    found = read(files=["a.npz"], dims=["sequence", "time", "y", "x"], missing="mask", mask={"valid": [1, 2]})
    frames = np.concatenate([clip.frames[:, 0] for clip in found])
    np.testing.assert_array_equal(frames, hidden(noise(4, 2, 3, 4).reshape(8, 3, 4), seen, 1, 2))


def test_files_of_a_moving_mask_go_by_their_times(values, read, seen, tmp_path):
    for i in range(8):  # in the order of their names the last is the first
        np.save(tmp_path / f"seen_{7 - i}_2020010100{i:02d}.npy", seen[i])
    mine = {"files": ["seen_*.npy"], "dims": ["y", "x"], "valid": [1, 2]}
    timed = {**STILL, "step": [1, "m"], "mask": {**mine, "time": {"pattern": "seen_*_%Y%m%d%H%M.npy"}}}
    (found,) = read(**timed)
    np.testing.assert_array_equal(found.frames[:, 0], hidden(values, seen, 1, 2))
    with pytest.raises(DataError, match=r"seen_.*\.npy: does not say when its frames are"):
        read(**{**STILL, "step": [1, "m"], "mask": mine})
    (tmp_path / "seen_0_202001010007.npy").unlink()
    with pytest.raises(DataError, match=r"seen_7_.*\.npy: has '7' frames, 'a\.npy' has 8"):
        read(**timed)


@pytest.mark.parametrize(
    ("mask", "changes", "message"),
    [
        (LAND[:, :3], STILL, "land.npy: the mask has a grid of '(3, 3)', 'a.npy' has (3, 4)\n  help: bring"),
        (LAND * 255, {**STILL, "mask": {**STILL["mask"], "valid": [7]}}, "land.npy: the mask is nowhere '7', which"),
        (np.stack([LAND] * 7), MOVING, "seen.npy: the mask has '7' frames, the values of 'a.npy' have 8\n  help: a"),
        (np.stack([LAND] * 8)[:, :2], MOVING, "seen.npy: the mask has a grid of '(2, 4)', 'a.npy' has (3, 4)"),
        (LAND, {**STILL, "mask": {"valid": [1]}}, "a.npy: a file of format 'npy' holds no mask beside its values"),
    ],
)
def test_a_mask_that_does_not_fit_is_named(values, read, tmp_path, mask, changes, message):
    np.save(tmp_path / ("seen.npy" if mask.ndim == 3 else "land.npy"), mask)
    with pytest.raises(DataError) as caught:
        read(**changes)
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


def test_frames_of_a_moving_mask_are_not_dealt_out_to_sequences(noise, read, seen, tmp_path):
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, noise(4, 3, 4))
    np.save(tmp_path / "seen.npy", seen)
    with pytest.raises(DataError, match=r"seen\.npy: a mask that moves cannot be told apart by sequence"):
        read(**{**MOVING, "files": ["a.npy", "b.npy"], "sequence": "file"})


def test_coordinates_of_the_mask_have_to_be_those_of_the_values(noise, read, tmp_path):
    lat, lon = ("lat", [2.0, 1.0, 0.0]), ("lon", [0.0, 1.0, 2.0, 3.0])
    time = ("time", np.arange(8.0), {"units": "hours since 2000-01-01"})
    values = xr.Dataset({"t": (("time", "lat", "lon"), noise(8, 3, 4))}, {"time": time, "lat": lat, "lon": lon})
    values.to_netcdf(tmp_path / "a.nc", engine="scipy")
    own = {"dims": None, "time": None, "channels": {"t": {"unit": "m"}}, "files": ["a.nc"], "missing": "mask"}
    for order in (slice(None), slice(None, None, -1)):
        mask = xr.Dataset({"mask": (("lat", "lon"), LAND)}, {"lat": ("lat", lat[1][order]), "lon": lon})
        mask.to_netcdf(tmp_path / "land.nc", engine="scipy")
        if order == slice(None):
            (found,) = read(**own, mask={"files": ["land.nc"], "valid": [1]})
            np.testing.assert_array_equal(found.frames[:, 0], hidden(noise(8, 3, 4), LAND, 1))
            continue
        with pytest.raises(DataError, match=r"land\.nc: coordinate 'y' of the mask is not that of 'a\.nc'"):
            read(**own, mask={"files": ["land.nc"], "valid": [1]})
