import numpy as np
import pytest
import torch

from unistd.core.data.normalization import Normalization
from unistd.core.errors import ModelError

OFFSET, SCALE = np.array([1.0, -2.0], np.float32), np.array([2.0, 0.5], np.float32)


def test_each_channel_is_mapped_by_its_own_offset_and_scale():
    x = torch.tensor([[3.0, float("nan")], [-2.0, -1.5]])[:, None, :].expand(4, 3, 2, 1, 2)
    normal = Normalization(OFFSET, SCALE).normalize(x)
    np.testing.assert_array_equal(normal[0, 0, :, 0], [[1, np.nan], [0, 1]])


def test_denormalize_is_the_inverse():
    normalization, x = Normalization(OFFSET, SCALE), torch.randn(2, 5, 2, 3, 4)
    torch.testing.assert_close(normalization.denormalize(normalization.normalize(x)), x)


def test_it_travels_with_the_weights_and_does_not_learn():
    normalization = Normalization(OFFSET, SCALE)
    assert set(normalization.state_dict()) == {"offset", "scale"}
    assert not list(normalization.parameters())
    OFFSET_BEFORE = normalization.offset.clone()
    OFFSET[0] += 1
    assert torch.equal(normalization.offset, OFFSET_BEFORE)
    OFFSET[0] -= 1


def test_another_number_of_channels_does_not_broadcast():
    with pytest.raises(ModelError, match=r"frames '\(2, 1, 4, 4\)' do not have 2 channels"):
        Normalization(OFFSET, SCALE).normalize(torch.zeros(2, 1, 4, 4))
    with pytest.raises(ModelError, match="do not have 1 channels"):
        Normalization([0.0], [1.0]).denormalize(torch.zeros(3, 4, 4))


@pytest.mark.parametrize(
    ("offset", "scale"), [([0.0], [0.0]), ([0.0], [-1.0]), ([float("nan")], [1.0]), ([0.0], [float("inf")])]
)
def test_a_useless_scale_is_refused(offset, scale):
    with pytest.raises(ModelError, match="cannot normalise with offset"):
        Normalization(offset, scale)


def test_offset_and_scale_must_match():
    with pytest.raises(ModelError, match=r"one value per channel, got '\(2,\)' and '\(1,\)'"):
        Normalization([0.0, 1.0], [1.0])
