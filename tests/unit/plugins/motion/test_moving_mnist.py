import gzip
import struct

import numpy as np
import pytest

from unistd.core.data.prepare import prepare
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError, UsageError
from unistd.plugins.motion import moving_mnist
from unistd.plugins.motion.moving_digits import walk
from unistd.plugins.motion.moving_mnist import DIGITS, PREDBENCH_VAL, TEST, MovingMnist, earthformer_split, read_fixed

COUNT = 30


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Files of 30 fixed sequences; sequence i is i all over at time 0 and one brighter each frame."""
    monkeypatch.setattr(moving_mnist, "SEQUENCES", COUNT)
    monkeypatch.setattr(moving_mnist, "VAL", 4)
    fixed = np.arange(20)[:, None] + np.arange(COUNT)
    np.save(tmp_path / TEST, np.broadcast_to(fixed[..., None, None], (20, COUNT, 64, 64)).astype(np.uint8))
    digits = np.broadcast_to((100 + np.arange(60) % 10).astype(np.uint8)[:, None, None], (60, 28, 28))
    content = struct.pack(">4i", 0x803, 60, 28, 28) + digits.tobytes()
    (tmp_path / DIGITS[0]).write_bytes(gzip.compress(content, 1))
    return tmp_path


def by_split(folder, protocol, **options):
    found = {"train": [], "val": [], "test": []}
    for sequence in MovingMnist(root=folder, protocol=protocol, **options).sequences():
        assert sequence.frames.shape == (20, 1, 64, 64)
        assert sequence.frames.dtype == np.uint8
        found[sequence.split].append(sequence)
    return found


def first_pixels(sequences):
    return [int(sequence.frames[0, 0, 0, 0]) for sequence in sequences]


def lit(sequences):
    return set(np.unique([sequence.frames for sequence in sequences]).tolist()) - {0}


def test_unistd_validates_on_digits_no_training_sequence_shows_and_tests_on_the_whole_file(folder):
    found = by_split(folder, "unistd", train=12)
    assert [len(found[split]) for split in ("train", "val", "test")] == [12, 4, COUNT]
    assert lit(found["val"]) == {109}
    assert lit(found["train"]) <= set(range(100, 109))
    assert first_pixels(found["test"]) == list(range(COUNT))
    assert found["test"][7].frames[:, 0, 5, 5].tolist() == list(range(7, 27))


def test_openstl_draws_from_all_digits_and_validates_on_the_test_file(folder):
    found = by_split(folder, "openstl")
    assert [len(found[split]) for split in ("train", "val", "test")] == [COUNT, COUNT, COUNT]
    assert 109 in lit(found["train"])
    assert first_pixels(found["val"]) == first_pixels(found["test"])


def test_predbench_validates_on_its_own_file_in_either_layout(folder):
    val = np.broadcast_to(np.uint8([200, 201, 202])[:, None, None, None, None], (3, 20, 64, 64, 1))
    np.save(folder / PREDBENCH_VAL, val)
    assert first_pixels(by_split(folder, "predbench", train=1)["val"]) == [200, 201, 202]
    np.save(folder / PREDBENCH_VAL, val[..., 0].swapaxes(0, 1))
    assert first_pixels(by_split(folder, "predbench", train=1)["val"]) == [200, 201, 202]
    (folder / PREDBENCH_VAL).unlink()
    with pytest.raises(DataError, match=f"no file '{PREDBENCH_VAL}'"):  # before the first sequence is drawn
        next(iter(MovingMnist(root=folder, protocol="predbench", train=1).sequences()))


def test_earthformer_divides_the_fixed_file(folder):
    (folder / DIGITS[0]).unlink()  # it generates nothing
    found = by_split(folder, "earthformer")
    assert first_pixels(found["test"]) == [27, 28, 29]
    assert len(found["val"]) == 2
    assert sorted(first_pixels(found["train"]) + first_pixels(found["val"])) == list(range(27))


def test_earthformer_shuffles_as_scikit_learn_does():
    split = earthformer_split()
    assert {name: len(part) for name, part in split.items()} == {"train": 8100, "val": 900, "test": 1000}
    assert split["test"].tolist() == list(range(9000, 10000))
    assert sorted([*split["train"], *split["val"]]) == list(range(9000))
    # The first five of scikit-learn's train_test_split(range(9000), test_size=0.1, random_state=123).
    assert split["train"][:5].tolist() == [2007, 7973, 74, 2929, 3169]
    assert split["val"][:5].tolist() == [1603, 8472, 2213, 498, 1038]


@pytest.mark.parametrize("option", [{"train": 5}, {"seed": 0}])
def test_earthformer_refuses_options_without_effect(folder, option):
    with pytest.raises(UsageError, match="protocol 'earthformer' generates no sequences"):
        MovingMnist(root=folder, protocol="earthformer", **option)


def test_a_sequence_is_one_window_in_the_range_of_the_benchmarks(folder, tmp_path):
    store = prepare(MovingMnist(root=folder, train=3), tmp_path / "store.zarr")
    assert [len(Windows(store, split, 10, 10)) for split in ("train", "val", "test")] == [3, 4, COUNT]
    assert len(Windows(store, "test", 4, 4)) == COUNT  # a shorter window is still one a sequence
    past, future = Windows(store, "test", 10, 10).read([7])
    np.testing.assert_allclose(past[0, :, 0, 3, 3] * 255, np.arange(7, 17), rtol=1e-6)
    np.testing.assert_allclose(future[0, :, 0, 3, 3] * 255, np.arange(17, 27), rtol=1e-6)


def test_the_official_file_holds_ten_thousand_sequences(tmp_path):
    np.lib.format.open_memmap(tmp_path / TEST, "w+", np.uint8, (20, 10_000, 64, 64))  # all holes, no room on disk
    assert read_fixed(tmp_path / TEST, 10_000).shape == (10_000, 20, 64, 64)


def reflected(start, velocity, frames):
    """The straight line folded back at 0 and 1, as clamping and turning round make it: the overshoot is lost."""
    positions, position = [], start
    for _ in range(frames):
        position += velocity
        if not 0 < position < 1:
            position, velocity = float(position >= 1), -velocity
        positions.append(position)
    return positions


@pytest.mark.parametrize("seed", range(5))
def test_digits_follow_a_straight_line_that_is_reflected_at_the_edge(seed):
    draws = np.random.default_rng(seed)
    y, x = draws.random(2)
    angle = draws.random() * 2 * np.pi
    corners = walk(np.random.default_rng(seed), 60)
    expected = [reflected(y, 0.1 * np.sin(angle), 60), reflected(x, 0.1 * np.cos(angle), 60)]
    np.testing.assert_array_equal(corners.T, np.floor(36 * np.array(expected)))
    assert {0, 36} & set(corners.ravel().tolist())


def not_an_array(path):
    path.write_bytes(b"<html>")


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-100])


def other(array):
    return lambda path: np.save(path, array)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (not_an_array, "cannot be read as npy"),
        (cut_short, "cannot be read as npy"),
        (
            other(np.zeros((20, 7, 64, 64), np.uint8)),
            "holds shape '(20, 7, 64, 64)' instead of (20, 30, 64, 64) or (30,",
        ),
        (other(np.zeros((20, COUNT, 64, 64), np.float32)), "holds type 'float32' instead of uint8"),
    ],
)
def test_a_bad_test_file_is_named(folder, spoil, message):
    spoil(folder / TEST)
    with pytest.raises(DataError) as caught:
        by_split(folder, "unistd")
    assert str(caught.value).startswith(f"{folder / TEST}: ")
    assert message in str(caught.value)


def test_digits_may_be_unpacked_and_missing_ones_are_named(folder):
    packed = folder / DIGITS[0]
    (folder / DIGITS[1]).write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    assert lit(by_split(folder, "unistd", train=2)["val"]) == {109}
    (folder / DIGITS[1]).unlink()
    with pytest.raises(DataError, match=f"no file '{DIGITS[0]}'"):
        by_split(folder, "unistd")
