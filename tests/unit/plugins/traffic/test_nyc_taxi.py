import numpy as np
import pytest

from unistd.core.errors import DataError
from unistd.plugins.traffic.nyc_taxi import FRAMES, NycTaxi


@pytest.fixture(scope="module")
def official():
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 9, (frames, 16, 12, 2)).astype(float) for name, frames in FRAMES.items()}


@pytest.fixture
def folder(tmp_path, official):
    for name, flow in official.items():
        np.savez(tmp_path / name, flow=flow)
    return tmp_path


def only_sequence(folder):
    (sequence,) = NycTaxi(root=folder).sequences()
    return sequence


def test_both_files_make_one_record_with_channels_before_the_grid(folder, official):
    sequence = only_sequence(folder)
    assert sequence.frames.shape == (4320, 2, 16, 12)
    np.testing.assert_array_equal(sequence.frames[5, 1], official["flow_train.npz"][5, :, :, 1])
    np.testing.assert_array_equal(sequence.frames[3024, 0], official["flow_test.npz"][0, :, :, 0])
    assert [str(time) for time in sequence.times[[0, 3024, -1]]] == [
        "2016-01-01T00:00",
        "2016-03-04T00:00",
        "2016-03-30T23:30",
    ]
    assert [file.rsplit("/", 1)[-1] for file in sequence.files] == ["flow_train.npz", "flow_test.npz"]


def test_the_test_file_is_the_test_split_and_val_the_two_weeks_before(folder):
    sequence = only_sequence(folder)
    assert {name: int((sequence.split == name).sum()) for name in ("train", "val", "test")} == {
        "train": 7 * 7 * 48,
        "val": 2 * 7 * 48,
        "test": 1296,
    }
    assert (np.diff(np.unique(sequence.split, return_index=True)[1]) != 0).all()
    assert sequence.split[3023] == "val"
    assert sequence.split[3024] == "test"


def test_rows_run_south_and_columns_east(folder):
    sequence = only_sequence(folder)
    assert (np.diff(sequence.y[0]) < 0).all()
    assert (np.diff(sequence.x[0]) > 0).all()
    assert sequence.y[1]["units"] == "degrees_north"


def spoil_key(path, flow):
    np.savez(path, volume=flow)


def spoil_shape(path, flow):
    np.savez(path, flow=flow[:-1])


def spoil_fraction(path, flow):
    np.savez(path, flow=flow + 0.5)


def spoil_nan(path, flow):
    np.savez(path, flow=np.where(flow == 3, np.nan, flow))


def truncate(path, flow):
    path.write_bytes(path.read_bytes()[:-5000])


def replace_by_text(path, flow):
    path.write_text("404: not found")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_key, "no array 'flow'\n  help: the file holds volume"),
        (spoil_shape, "'flow' has shape '(1295, 16, 12, 2)' instead of (1296, 16, 12, 2)"),
        (spoil_fraction, "no whole numbers of trips"),
        (spoil_nan, "no whole numbers of trips"),
        (truncate, "cannot be read as npz"),
        (replace_by_text, "cannot be read as npz"),
    ],
)
def test_a_bad_file_is_named(folder, official, spoil, message):
    path = folder / "flow_test.npz"
    spoil(path, official["flow_test.npz"])
    with pytest.raises(DataError) as caught:
        only_sequence(folder)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_missing_file_is_named(folder):
    (folder / "flow_train.npz").unlink()
    with pytest.raises(DataError, match=r"flow_train\.npz: no file 'flow_train\.npz'"):
        only_sequence(folder)


def test_real_files_give_the_known_scores(real):
    sequence = only_sequence(real("nyc_taxi"))
    flow = sequence.frames.astype(float)

    def rmse_of_lag(steps):  # over the test split, which may look back into the training file
        return float(np.sqrt(np.mean((flow[3024:] - flow[3024 - steps : -steps]) ** 2)))

    assert [round(rmse_of_lag(steps), 1) for steps in (1, 48, 336)] == [17.3, 34.5, 17.4]
    # Trips that began before the record are not in it, so its first half hour lacks arrivals: channel 0 is inflow.
    assert flow[0, 0].sum() < 0.5 * flow[0, 1].sum()
