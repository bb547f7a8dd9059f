from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from unistd.core.data.audit import audit
from unistd.core.data.near import block_means, block_side, near_copies, signatures, steps_in_time
from unistd.core.data.prepare import prepare


def drifting(count, seed, memory=0.9):
    """Frames (t, 1, 24, 32) in 8 bits: broad waves whose heights wander, slowly where ``memory`` is near 1."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:24, :32] / 24
    waves = np.stack([np.cos(np.pi * (a * y + b * x)) for a in range(4) for b in range(4)])
    height = random.normal(size=len(waves))
    frames = []
    for _ in range(count):
        height = memory * height + (1 - memory**2) ** 0.5 * random.normal(size=len(waves))
        frames.append(np.tensordot(height, waves, 1))
    return np.clip(128 + 12 * np.stack(frames)[:, None], 0, 255).round().astype(np.uint8)


def jpeg(frame):
    """Encode the only channel of a frame anew, with losses."""
    file = BytesIO()
    Image.fromarray(frame[0]).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))[None]


COPIES = {
    "brighter": lambda frame: frame + 1,
    "jpeg": jpeg,
    "noise": lambda frame: np.clip(frame + np.random.default_rng(1).normal(0, 3, frame.shape), 0, 255).round(),
    "rounded": lambda frame: frame // 4 * 4 + 2,
}


def store_of(tiny, folder, **frames):
    """Prepare sequences of one channel, one a split."""
    sequences = [
        tiny.sequence(split, split, frames=own, times=tiny.half_hours(len(own))) for split, own in frames.items()
    ]
    card = {"channels": tiny(sequences).card.channels[:1]}
    return prepare(tiny(sequences, **card), folder / "s.zarr")


def problems(store):
    return [finding.what for finding in audit(store) if finding.level == "problem"]


@pytest.mark.parametrize("kind", COPIES)
def test_a_changed_copy_of_a_training_frame_is_found_with_its_place(tiny, tmp_path, kind):
    train, val, test = (drifting(40, seed) for seed in range(3))
    test[30] = COPIES[kind](train[17])
    assert problems(store_of(tiny, tmp_path, train=train, val=val, test=test)) == [
        "splits 'train' and 'test' share 1 frames that are nearly the same: "
        "17 (2020-01-01T08:30:00.000) ≈ 110 (2020-01-01T15:00:00.000)"
    ]


def test_a_copied_run_of_frames_is_found_even_where_it_moves_slowly(tiny, tmp_path):
    train, val, test = (drifting(60, seed, memory=0.99) for seed in range(3))
    val[20:40] = train[5:25] // 2 * 2
    (found,) = problems(store_of(tiny, tmp_path, train=train, val=val, test=test))
    assert "'train' and 'val' share 20 frames that are nearly the same: 5 (2020-01-01T02:30:00.000) ≈ 80 (" in found
    assert found.endswith(", …")


def test_one_record_cut_into_splits_that_hardly_moves_has_no_copies(tiny, tmp_path):
    frames = drifting(150, 0, memory=0.995)
    split = np.repeat(["train", "val", "test"], 50)
    whole = tiny.sequence("all", split, frames=frames, times=tiny.half_hours(150))
    card = replace(tiny([whole]).card, channels=tiny([whole]).card.channels[:1])
    for embargo in (True, False):
        store = prepare(tiny([whole], channels=card.channels, embargo=embargo), tmp_path / f"{embargo}.zarr")
        assert problems(store) == []


def test_days_that_are_alike_are_no_copies(tiny, tmp_path):
    day = drifting(24, 0).astype(np.int16)
    random = np.random.default_rng(5)
    days = [np.concatenate([day + random.integers(-9, 10) + drifting(24, n) // 16 for n in own]) for own in DAYS]
    assert problems(store_of(tiny, tmp_path, **dict(zip(("train", "val", "test"), days, strict=True)))) == []


DAYS = range(1, 9), range(9, 11), range(11, 13)


def test_a_missing_block_takes_no_part_and_an_empty_side_is_no_block():
    frames = np.ones((3, 1, 4, 5), np.float32)
    frames[:, :, :2, :2] = np.nan
    frames[1, 0, 3, 4] = 3
    means = block_means(frames, 2)
    np.testing.assert_allclose(means[1], [np.nan, 1, 1, 1 + 2 / 6], rtol=1e-6)
    assert block_means(frames, 8).shape == (3, 20)
    rows = signatures(means, 1)
    assert np.isfinite(rows).all()
    assert (rows[:, :3] == 0).all()
    np.testing.assert_allclose(np.square(rows).sum(1).mean(), 1, rtol=1e-6)


def test_a_channel_of_large_numbers_does_not_drown_the_others():
    means = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    means[:, 4:] *= 1e4
    squares = np.square(signatures(means, 2)).mean(0)
    np.testing.assert_allclose(squares[:4].sum(), squares[4:].sum(), rtol=1e-4)


def test_the_step_is_that_to_the_nearer_neighbour_of_the_same_sequence():
    rows = np.array([[0.0], [1.0], [4.0], [4.5]], np.float32)
    assert steps_in_time(rows, np.array([0, 0, 0, 1])).tolist() == [1, 1, 3, np.inf]


def test_signatures_stay_within_their_room():
    assert block_side(10_000, 1) == 8
    assert 4 * 10_000_000 * block_side(10_000_000, 2) ** 2 * 2 <= 2**28
    assert block_side(10**9, 60) == 1


def test_many_frames_are_looked_up_in_parts(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(300, 12)).astype(np.float32)
    rows[205], rows[290] = rows[7] + 1e-3, rows[60] + 1e-3
    steps = np.full(300, 1.0)
    monkeypatch.setattr("unistd.core.data.near._ROWS", 16)
    pairs = list(near_copies(rows, steps, np.arange(200), np.arange(200, 300), reach=5))
    assert pairs == [(7, 205), (60, 290)]
    assert list(near_copies(rows, steps, np.arange(200), np.arange(0), reach=5)) == []


@pytest.mark.parametrize(("row", "step", "found"), [(5, 0.03, True), (5, 0.015, False), (9, 0.03, False)])
def test_what_is_as_near_to_its_neighbours_or_to_a_third_frame_is_no_copy(row, step, found):
    rows = np.arange(12, dtype=np.float32)[:, None]  # all far apart but the last
    rows[11], rows[row] = 4.01, 4.025  # of frame 4, and of another that is within reach or is not
    steps = np.full(12, 1.0)
    steps[11] = step
    pairs = list(near_copies(rows, steps, np.arange(11), np.array([11]), reach=3))
    assert pairs == ([(4, 11)] if found else [])
