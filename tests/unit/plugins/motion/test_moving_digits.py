import gzip
import struct

import numpy as np
import pytest

from unistd.core.errors import DataError
from unistd.plugins.motion.moving_digits import FILE, MovingDigits, draw, walk


def idx(images, magic=0x803, count=None):
    head = struct.pack(">4i", magic, len(images) if count is None else count, *images.shape[1:])
    return gzip.compress(head + images.tobytes(), 1)


@pytest.fixture
def folder(tmp_path):
    # Digit i has brightness 100 + i % 10 all over, so that a frame tells which tenth it was drawn from.
    images = np.broadcast_to((100 + np.arange(50) % 10).astype(np.uint8)[:, None, None], (50, 28, 28))
    (tmp_path / FILE).write_bytes(idx(images.copy()))
    return tmp_path


def sequences(folder, **options):
    return list(MovingDigits(root=folder, **{"train": 20, "val": 8, "test": 8, **options}).sequences())


def test_splits_draw_from_digits_of_their_own(folder):
    seen = {"train": set(), "val": set(), "test": set()}
    for sequence in sequences(folder):
        assert sequence.frames.shape == (20, 1, 64, 64)
        assert sequence.frames.dtype == np.uint8
        seen[sequence.split] |= set(np.unique(sequence.frames)) - {0}
    assert seen["train"] <= set(range(100, 108))
    assert len(seen["train"]) > 4
    assert seen["val"] == {108}
    assert seen["test"] == {109}


def test_more_sequences_leave_the_first_ones_as_they_were(folder):
    few, many = sequences(folder, train=2), sequences(folder, train=6)
    for one, other in zip(few[:2], many[:2], strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)
    np.testing.assert_array_equal(few[2].frames, many[6].frames)  # the first of val
    assert not np.array_equal(few[0].frames, sequences(folder, seed=1)[0].frames)


def test_digits_and_frames_are_options(folder):
    sequence = sequences(folder, digits=1, frames=5)[0]
    assert sequence.frames.shape == (5, 1, 64, 64)
    assert ((sequence.frames > 0).sum((1, 2, 3)) == 28 * 28).all()


def test_a_digit_walks_straight_by_a_tenth_of_the_free_range_and_is_mirrored_at_the_edge():
    corners = walk(np.random.default_rng(5), 200)
    assert corners.min() == 0
    assert corners.max() == 36
    steps = np.diff(corners, axis=0)
    inside = ((corners[:-1] > 3) & (corners[:-1] < 33) & (corners[1:] > 3) & (corners[1:] < 33)).all(1)
    lengths = np.hypot(*steps[inside].T)
    assert abs(lengths.mean() - 3.6) < 0.2
    assert len(np.unique(np.sign(steps[np.abs(steps) > 1]))) == 2


def test_the_first_frame_is_drawn_after_a_step():
    class Middle:
        values = iter([np.array([0.5, 0.5]), 0.25])  # start, angle: straight down

        def random(self, size=None):
            return next(self.values)

    assert walk(Middle(), 2).tolist() == [[int(36 * 0.6), 18], [int(36 * 0.7), 18]]


def test_the_brighter_pixel_wins_where_digits_overlap():
    digits = np.stack([np.full((28, 28), 200, np.uint8), np.full((28, 28), 90, np.uint8)])
    frame = draw(digits, np.array([[[0, 0]], [[10, 10]]]))[0, 0]
    assert frame[12, 12] == 200
    assert frame[30, 30] == 90
    assert frame[40, 40] == 0


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda images: idx(images)[:-50], "cannot be unpacked"),
        (lambda images: b"<html>", "cannot be unpacked"),
        (lambda images: gzip.compress(b"short"), "no idx file of 28×28 images"),
        (lambda images: idx(images, magic=0x801), "no idx file of 28×28 images"),
        (lambda images: idx(images[:, :14]), "no idx file of 28×28 images"),
        (lambda images: idx(images, count=60), "holds '39216' bytes instead of the 47056 of its '60' images"),
    ],
)
def test_a_bad_file_is_named(tmp_path, spoil, message):
    (tmp_path / FILE).write_bytes(spoil(np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)))
    with pytest.raises(DataError) as caught:
        sequences(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / FILE}: ")
    assert message in str(caught.value)


def test_real_digits_move(real):
    sequence = next(iter(MovingDigits(root=real("mnist")).sequences()))
    lit = (sequence.frames[:, 0] > 0).mean((1, 2))
    assert ((lit > 0.01) & (lit < 0.25)).all()
    assert all((a != b).any() for a, b in zip(sequence.frames[:-1], sequence.frames[1:], strict=True))
