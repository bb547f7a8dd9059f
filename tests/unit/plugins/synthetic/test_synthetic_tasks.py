import numpy as np
import pytest

from unistd.core.task import SPLITS
from unistd.plugins.synthetic.draws import sample, smooth_noise, split_by_day
from unistd.plugins.synthetic.driving import SyntheticDriving
from unistd.plugins.synthetic.motion import SyntheticMotion, mirror
from unistd.plugins.synthetic.traffic import SyntheticTraffic
from unistd.plugins.synthetic.weather import SyntheticWeather

RECORDS = [
    (SyntheticTraffic, {"height": 8, "width": 9, "days": 3}, 48),
    (SyntheticWeather, {"height": 9, "width": 8, "days": 3}, 24),
]
CLIPS = [
    (SyntheticMotion, {"height": 9, "width": 8, "frames": 4, "train": 3, "val": 2, "test": 2}),
    (SyntheticDriving, {"height": 8, "width": 9, "frames": 4, "train": 3, "val": 2, "test": 2}),
]
ALL = [(task, options) for task, options, _ in RECORDS] + CLIPS


@pytest.mark.parametrize(("task", "options"), ALL)
def test_frames_fit_the_card(task, options):
    card = task.card
    for sequence in task(**options).sequences():
        assert sequence.frames.shape == (len(sequence.times), len(card.channels), options["height"], options["width"])
        assert (np.diff(sequence.times) == np.timedelta64(*card.step)).all()
        assert card.missing == "mask" or not np.isnan(sequence.frames.astype(float)).any()
        for coordinate, length in ((sequence.y, options["height"]), (sequence.x, options["width"])):
            assert coordinate is None or coordinate[0].shape == (length,)


@pytest.mark.parametrize(("task", "options"), ALL)
def test_the_seed_decides_everything(task, options):
    first, again = (np.concatenate([s.frames for s in task(**options, seed=3).sequences()]) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = np.concatenate([s.frames for s in task(**options, seed=4).sequences()])
    assert not np.array_equal(first, other, equal_nan=first.dtype.kind == "f")


@pytest.mark.parametrize(("task", "options", "day"), RECORDS)
def test_records_are_split_by_days_in_order(task, options, day):
    (sequence,) = task(**options).sequences()
    assert sequence.split.tolist() == ["train"] * day + ["val"] * day + ["test"] * day
    window = task.card.window
    assert day - (window.past + window.future) >= window.past + window.future  # a window is left after the embargo


def test_a_seventh_of_the_days_each_validates_and_tests():
    split = split_by_day(28, 2)
    assert [int((split == name).sum()) for name in SPLITS] == [40, 8, 8]


@pytest.mark.parametrize(("task", "options"), CLIPS)
def test_more_clips_leave_the_first_ones_as_they_were(task, options):
    few = {s.name: s for s in task(**options).sequences()}
    many = {s.name: s for s in task(**{**options, "train": 5, "val": 3}).sequences()}
    assert [s.split for s in many.values()] == ["train"] * 5 + ["val"] * 3 + ["test"] * 2
    for name, sequence in few.items():
        np.testing.assert_array_equal(sequence.frames, many[name].frames)


def test_no_two_clips_are_alike():
    frames = [s.frames for s in SyntheticMotion(train=20, val=5, test=5).sequences()]
    assert len({clip.tobytes() for clip in frames}) == 30


def test_trips_arrive_later_and_nowhere_else():
    (sequence,) = SyntheticTraffic(days=7).sequences()
    inflow, outflow = sequence.frames.astype(float).sum((2, 3)).T
    assert abs(inflow.sum() / outflow.sum() - 1) < 0.02
    day = outflow.reshape(7, 48).mean(0)
    assert day[14:20].mean() > 2 * day[:8].mean()  # 7 to 10 in the morning against the night
    rise = slice(12, 17)  # arrivals lag while departures rise towards 8 in the morning
    assert (inflow.reshape(7, 48)[:, rise].sum() / outflow.reshape(7, 48)[:, rise].sum()) < 0.95


def test_yesterday_beats_the_last_half_hour_in_traffic():
    (sequence,) = SyntheticTraffic(days=7).sequences()
    flow = sequence.frames.astype(float)
    lead = SyntheticTraffic.card.window.future
    assert ((flow[48:] - flow[:-48]) ** 2).mean() < 0.8 * ((flow[lead:] - flow[:-lead]) ** 2).mean()


def test_shapes_keep_their_light_and_bounce():
    clip = next(iter(SyntheticMotion(shapes=1, frames=60, train=1).sequences())).frames[:, 0].astype(float)
    light = clip.sum((1, 2))
    assert light.std() < 0.05 * light.mean()
    y, x = np.mgrid[:32, :32]
    path = np.stack([(clip * axis).sum((1, 2)) / light for axis in (y, x)], axis=1)
    velocity = np.diff(path, axis=0)
    assert np.abs(velocity[0] - velocity[1]).max() < 0.1
    assert (np.abs(velocity).max(0) > 0).all()
    assert (clip[:, 0].max(), clip[:, -1].max(), clip[:, :, 0].max(), clip[:, :, -1].max()) < (255,) * 4


def test_mirror_folds_a_path():
    np.testing.assert_allclose(mirror(np.array([-1.0, 0, 3, 4, 5, 8, 9]), 4.0), [1, 0, 3, 4, 3, 0, 1])


@pytest.mark.parametrize("row", [31, 22, 17])
def test_a_step_aside_moves_near_ground_more_pixels_than_far_ground(row):
    """Row by row, the step that moves the picture by two pixels is two pixels' worth of that row's depth."""
    task = SyntheticDriving()
    rng = np.random.default_rng(0)
    road, houses = smooth_noise(rng, (128, 128), 6), smooth_noise(rng, (128, 128), 8)
    focal = 24
    depth = 1.5 * focal / (row - 15.75 + 4)  # an eye 1.5 m above the road, the horizon 4 pixels above the middle
    here = task._view(road, houses, 0.0, np.zeros(2))
    aside = task._view(road, houses, 0.0, np.array([0.0, 2 * depth / focal]))
    np.testing.assert_allclose(aside[:, row, :-2], here[:, row, 2:])


def test_the_road_is_where_the_camera_says():
    """Driving straight on is looking from a place further on."""
    task = SyntheticDriving()
    rng = np.random.default_rng(0)
    road, houses = smooth_noise(rng, (128, 128), 6), smooth_noise(rng, (128, 128), 8)
    here = task._view(road, houses, 0.0, np.zeros(2))
    shifted = task._view(np.roll(road, -4, axis=0), houses, 0.0, np.zeros(2))  # 4 texture pixels are 2 m
    ahead = task._view(road, houses, 0.0, np.array([2.0, 0.0]))
    np.testing.assert_allclose(ahead[:, -8:], shifted[:, -8:])
    assert np.abs(ahead - here).max() > 0.05


def test_land_is_missing_always_and_the_same():
    (sequence,) = SyntheticWeather(days=3).sequences()
    missing = np.isnan(sequence.frames)
    assert (missing == missing[:1, :1]).all()
    assert 0.2 < missing.mean() < 0.3


def test_the_wind_carries_the_weather():
    """The best single shift of a frame onto the next hour beats no shift, and the sun warms by day."""
    (sequence,) = SyntheticWeather(days=7, seed=1).sequences()
    humidity = sequence.frames[:, 1]
    anomaly = humidity - np.nanmean(humidity, axis=(0, 2), keepdims=True)

    def loss(dy, dx):
        moved = np.roll(anomaly[20:30], (dy, dx), (1, 2))
        return float(np.nanmean((anomaly[26:36] - moved) ** 2))

    best = min(loss(dy, dx) for dy in range(-6, 7) for dx in range(-6, 7))
    assert best < 0.6 * loss(0, 0)
    hourly = np.nanmean(sequence.frames[:, 0], axis=(1, 2)).reshape(7, 24).mean(0)
    assert hourly[12:18].mean() > hourly[:6].mean() + 0.5


def test_smooth_noise_is_standardised_periodic_and_smooth():
    field = smooth_noise(np.random.default_rng(0), (16, 20), 4)
    assert abs(field.mean()) < 1e-9
    assert abs(field.std() - 1) < 1e-9
    jump_at_edge = np.abs(field[0] - field[-1]).mean()
    assert jump_at_edge < 0.6
    assert jump_at_edge < 2 * np.abs(np.diff(field, axis=0)).mean()


def test_sample_reads_between_pixels_and_round_the_edge():
    field = np.arange(6.0).reshape(2, 3)
    y, x = np.array([0.0, 0.5, 0.0, 2.0]), np.array([0.5, 0.0, 2.5, 4.0])
    np.testing.assert_allclose(sample(field, y, x), [0.5, 1.5, 1.0, 1.0])
