import numpy as np
import pytest

from unistd.core.data.moments import Moments

FRAMES = np.random.default_rng(0).normal(5, 2, (7, 2, 4, 3)).astype(np.float32)


def of(values):
    """What is known of values (n,), by its definition."""
    return [values.size, values.mean(), ((values - values.mean()) ** 2).sum(), values.min(), values.max()]


@pytest.mark.parametrize("missing", [(), (0,), (0, 1)])
def test_moments_are_those_of_the_values_that_are_there(missing):
    frames = FRAMES.copy()
    frames[:3, list(missing), :2] = np.nan
    own = Moments.of(frames)
    for channel in range(2):
        values = frames[:, channel].astype(np.float64)
        found = [part[channel] for part in (own.count, own.mean, own.squares, own.low, own.high)]
        np.testing.assert_allclose(found, of(values[~np.isnan(values)]), rtol=1e-12)


def test_a_channel_without_a_value_leaves_the_other_alone():
    frames = FRAMES.copy()
    frames[:, 0] = np.nan
    own, other = Moments.of(frames), Moments.of(FRAMES)
    assert (own.count[0], own.mean[0], own.low[0], own.high[0]) == (0, 0, np.inf, -np.inf)
    assert [part[1] for part in vars(own).values()] == [part[1] for part in vars(other).values()]


def test_parts_sum_up_to_the_whole():
    parts = Moments.of(FRAMES[:3]) + Moments.of(FRAMES[3:])
    for part, whole in zip(vars(parts).values(), vars(Moments.of(FRAMES)).values(), strict=True):
        np.testing.assert_allclose(part, whole, rtol=1e-12)
