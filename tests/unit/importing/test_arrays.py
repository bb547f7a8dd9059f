import h5py
import numpy as np
import pytest
import zarr

from unistd.core.data.prepare import prepare
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError


def test_npy_in_any_order_of_axes_becomes_windows(task, noise, tmp_path):
    values = noise(4, 5, 2, 24)  # y, x, channel, time
    np.save(tmp_path / "a.npy", values)
    own = task(dims=["y", "x", "channel", "time"], channels={"u": {"unit": "m"}, "v": {"unit": "m"}})
    store = prepare(own, tmp_path / "s.zarr")
    past, future = Windows(store, "train", 2, 1).read([3])
    np.testing.assert_array_equal(past[0], values.transpose(3, 2, 0, 1)[3:5])
    np.testing.assert_array_equal(future[0], values.transpose(3, 2, 0, 1)[5:6])
    assert str(store.times[5]) == "2020-01-01T05:00:00.000"
    assert np.bincount(store.split).tolist() == [12, 6, 6]


def test_a_stack_of_sequences_is_one_sequence_each(read, noise, tmp_path):
    values = noise(8, 5, 1, 3, 4)
    np.save(tmp_path / "a.npy", values)
    found = read(dims=["sequence", "time", "channel", "y", "x"])
    assert [s.name for s in found] == [f"a.npy[{i}]" for i in range(8)]
    np.testing.assert_array_equal(found[4].frames, values[4])
    assert [set(s.split.tolist()) for s in found] == [{"train"}] * 4 + [{"val"}] * 2 + [{"test"}] * 2
    assert found[7].times[0] == found[0].times[0] == np.datetime64("2020-01-01")


def test_numbers_in_names_are_in_the_order_of_numbers(read, noise, tmp_path):
    values = noise(12, 3, 4)
    for i in range(12):
        np.save(tmp_path / f"part{i}.npy", values[i : i + 1])
    (found,) = read()
    np.testing.assert_array_equal(found.frames[:, 0], values)


def test_npz_has_a_variable_and_its_own_times(read, noise, tmp_path):
    values, hours = noise(8, 3, 4), np.arange(8)
    np.savez_compressed(tmp_path / "a.npz", h=values, when=hours)
    time = {"coordinate": "when", "units": "hours since 1999-12-31"}
    (found,) = read(files=["*.npz"], channels={"height": {"unit": "m", "variable": "h"}}, time=time)
    np.testing.assert_array_equal(found.frames[:, 0], values)
    assert str(found.times[-1]) == "1999-12-31T07:00:00.000"


@pytest.mark.parametrize("order", ["<i2", ">i2", ">f8"])
def test_hdf5_of_any_byte_order_with_chosen_channels(read, noise, tmp_path, order):
    values = noise(8, 3, 4, 3, dtype=order)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("g/data", data=values, maxshape=(None, 3, 4, 3)).attrs["units"] = "m"
    (found,) = read(
        files=["a.h5"],
        variable="g/data",
        dims=["time", "y", "x", "channel"],
        channels={"blue": {"unit": "m", "index": 2}, "red": {"unit": "m", "index": 0}},
    )
    np.testing.assert_array_equal(found.frames, values.transpose(0, 3, 1, 2)[:, [2, 0]])


def test_zarr_without_names_of_axes(read, noise, tmp_path):
    values = noise(8, 3, 4)
    zarr.create_group(tmp_path / "a.zarr").create_array("height", data=values)
    (found,) = read(files=["a.zarr"])
    np.testing.assert_array_equal(found.frames[:, 0], values)
    assert len(found.files) > 1


def test_fill_value_and_scale_are_the_card_s(task, tmp_path):
    values = np.arange(8 * 12, dtype=np.uint8).reshape(8, 3, 4)
    values[2, 1, 1] = 255
    np.save(tmp_path / "a.npy", values)
    own = task(missing="mask", fill_value=255, scale_factor=0.5, add_offset=-32)
    frames = prepare(own, tmp_path / "s.zarr").read(0, 8)[:, 0]
    assert np.isnan(frames[2, 1, 1])
    assert np.isnan(frames).sum() == 1
    assert frames[0, 0, 3] == -30.5


@pytest.mark.parametrize(
    ("shape", "changes", "message"),
    [
        ((8, 3, 4, 2), {}, "the array has '4' axes of shape (8, 3, 4, 2), the card's dims are time, y, x\n"),
        ((8, 3, 4), {"dims": None}, "the array has shape (8, 3, 4), and the card does not say what its axes are\n"),
        ((8, 3, 4, 2), {"dims": ["time", "y", "x", "channel"]}, "the array has 2 channels, the card says 'height'\n"),
        ((8, 5, 3, 4), {"dims": ["time", "level", "y", "x"]}, "axis 'level' of the array has 5 places and is none of"),
        ((8, 0, 4), {}, "the array has shape '(8, 0, 4)': it is empty"),
        ((8, 3, 4), {"variable": "h"}, "variable 'h': npy has no names\n"),
        (
            (8, 3, 4),
            {"time": None},
            "does not say when its frames are\n  help: the card's time may have a 'coordinate'",
        ),
        ((8, 3, 4), {"time": {"coordinate": "t"}}, "holds no coordinate 't'\n"),
    ],
)
def test_an_array_that_is_not_as_the_card_says_is_named(read, noise, tmp_path, shape, changes, message):
    np.save(tmp_path / "a.npy", noise(*shape))
    with pytest.raises(DataError) as caught:
        read(**changes)
    assert str(caught.value).startswith(f"{tmp_path / 'a.npy'}: {message}")


def test_a_pickled_array_is_never_read(read, tmp_path):
    np.save(tmp_path / "a.npy", np.array([[[{}]]], object), allow_pickle=True)
    with pytest.raises(
        DataError, match=r"a\.npy: cannot be read: .*pickle|a\.npy: cannot be read: Array can't be memory"
    ):
        read()


def test_a_pickled_array_in_npz_is_refused_for_its_type(read, tmp_path):
    np.savez(tmp_path / "a.npz", height=np.array([[[{}]]], object))
    with pytest.raises(
        DataError, match=r"a\.npz: cannot be read: 'height' holds pickled objects, which are never read"
    ):
        read(files=["a.npz"])


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.h5"])
def test_a_file_cut_short_is_named(read, noise, tmp_path, name):
    path = tmp_path / name
    if name == "a.h5":
        with h5py.File(path, "w") as file:
            file["height"] = noise(80, 30, 40)
    else:
        with path.open("wb") as file:
            (np.save if name == "a.npy" else lambda f, v: np.savez(f, height=v))(file, noise(80, 30, 40))
    path.write_bytes(path.read_bytes()[:-300_000])
    with pytest.raises(DataError) as caught:
        read(files=[name])
    assert str(caught.value).startswith(f"{path}: cannot be read: ")


def test_what_hdf5_does_not_heed_is_said(read, noise, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("height", data=noise(8, 3, 4)).attrs["scale_factor"] = 0.1
    with pytest.raises(
        DataError,
        match=r"attribute 'scale_factor', which is not heeded in this format\n.*card's scale_factor; format: netcdf",
    ):
        read(files=["a.h5"], fill_value=-999)
    assert len(read(files=["a.h5"], scale_factor=0.1)) == 1


def test_brackets_of_a_name_stand_for_themselves(read, noise, tmp_path):
    values = noise(8, 3, 4)
    np.save(tmp_path / "mine [1].npy", values)
    np.save(tmp_path / "mine 1.npy", noise(9, 3, 4))
    (found,) = read(files=["mine [1].npy"])
    np.testing.assert_array_equal(found.frames[:, 0], values)
    np.save(tmp_path / "clips.npy", noise(12, 6, 3, 4))
    names = {"train": ["clips.npy[1*]", "clips.npy[0]"], "val": ["clips.npy[[2-5]]"], "test": ["clips.npy[6]"]}
    with pytest.raises(DataError, match=r"'clips.npy\[2\]' is of no split"):
        read(files=["clips.npy"], dims=["sequence", "time", "y", "x"], split={"names": names})


def test_another_unit_is_refused(read, noise, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("height", data=noise(8, 3, 4)).attrs["units"] = "cm"
    with pytest.raises(DataError, match=r"a\.h5: 'height' is in 'cm', the card says channel 'height' is in m\n"):
        read(files=["a.h5"])


def test_files_that_differ_are_named(read, noise, tmp_path):
    np.save(tmp_path / "a.npy", noise(8, 3, 4))
    np.save(tmp_path / "b.npy", noise(8, 3, 5))
    with pytest.raises(DataError, match=r"b\.npy: has a grid of '\(3, 5\)', 'a\.npy' has \(3, 4\)"):
        read()
    np.save(tmp_path / "b.npy", noise(8, 3, 4).astype(np.float64))
    with pytest.raises(DataError, match=r"b\.npy: holds frames of type 'float64', 'a\.npy' has float32"):
        read()


def test_a_pattern_that_matches_nothing_says_what_there_is(read, noise, tmp_path):
    np.save(tmp_path / "a.npy", noise(8, 3, 4))
    with pytest.raises(DataError, match=r"no file matches '\*\.nc'\n  help: '.*' holds a\.npy, card\.yaml"):
        read(files=["*.npy", "*.nc"])


def test_a_suffix_that_tells_nothing(read, tmp_path):
    (tmp_path / "a.dat").write_bytes(b"x")
    with pytest.raises(DataError, match=r"a\.dat: suffix '\.dat' does not tell the format\n  help: .*npy, npz"):
        read(files=["a.dat"])


@pytest.mark.parametrize("read_first", [0, 1])
def test_larger_arrays_are_read_in_pieces(monkeypatch, task, noise, tmp_path, read_first):
    monkeypatch.setattr("unistd.core.importing.field.PIECE", 4 * 12 * 3)  # three frames
    values = noise(8, 3, 4)
    np.save(tmp_path / "a.npy", values if read_first == 0 else values.transpose(1, 0, 2))
    (found,) = task(dims=["time", "y", "x"] if read_first == 0 else ["y", "time", "x"]).sequences()
    assert found.frames.chunks[0] == (3, 3, 2)
    np.testing.assert_array_equal(found.frames[:, 0], values)


def test_a_file_without_an_axis_of_time_gives_the_level_selected_and_not_the_first(read, noise, tmp_path):
    values = [noise(3, 4, 5) for _ in range(4)]
    for i, value in enumerate(values):
        np.save(tmp_path / f"levels_{i}.npy", value)
    (found,) = read(dims=["level", "y", "x"], select={"level": 2})
    np.testing.assert_array_equal(found.frames[:, 0], [value[2] for value in values])


def test_pieces_put_together_are_the_array(read, noise, tmp_path, monkeypatch):
    monkeypatch.setattr("unistd.core.importing.field.PIECE", 1000)
    values = noise(50, 4, 5)
    np.save(tmp_path / "waves.npy", values)
    (found,) = read()
    np.testing.assert_array_equal(found.frames[:, 0], values)
