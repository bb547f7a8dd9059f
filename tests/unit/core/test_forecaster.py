from __future__ import annotations

import pytest
import torch
from torch import Tensor

from unistd.core.data.normalization import Normalization
from unistd.core.errors import ModelError
from unistd.core.forecaster import Forecaster
from unistd.core.model import UnifiedModel
from unistd.plugins.backbone_vit.timm_vit import timm_vit
from unistd.plugins.head_conv.conv_head import ConvHead

NAN = float("nan")


@pytest.fixture
def forecaster() -> Forecaster:
    """Persistence in units of offset 10 and scale 2: a fresh head repeats the last frame."""
    trunk = timm_vit(variant="vit_tiny_patch16_224", pretrained=False, depth=1, width=8, heads=1)
    head = ConvHead(past=2, future=1, channels_in=1, channels_out=1, trunk_width=8, width=8, stride=1)
    return Forecaster(UnifiedModel(trunk, {"t": head}), {"t": Normalization([10.0], [2.0])})


def frames(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).view(1, 1, 1, 1, -1)


def test_loss_is_the_mean_square_in_normalised_units(forecaster):
    past = torch.cat([frames(0, 0, 0), frames(10, 12, 14)], dim=1)
    # persistence says 10 12 14; errors are 2, 0, -4 in data units, 1, 0, -2 after the division by 2
    assert forecaster("t", past, frames(8, 12, 18)).item() == pytest.approx((1 + 0 + 4) / 3)


def test_missing_targets_take_no_part(forecaster):
    past = torch.cat([frames(0, 0, 0), frames(10, 12, 14)], dim=1)
    assert forecaster("t", past, frames(8, NAN, NAN)).item() == pytest.approx(1.0)


def test_missing_inputs_enter_as_the_mean(forecaster):
    past = torch.cat([frames(0, 0, 0), frames(NAN, 12, 14)], dim=1)
    torch.testing.assert_close(forecaster.forecast("t", past), frames(10, 12, 14))


def test_missing_pixels_give_finite_gradients(forecaster):
    past = torch.cat([frames(NAN, 1, 2), frames(NAN, NAN, 14)], dim=1)
    forecaster("t", past, frames(NAN, 12, 20)).backward()
    gradients = [p.grad for p in forecaster.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_normalisation_travels_with_the_weights(forecaster):
    assert forecaster.state_dict()["normalizations.t.scale"].tolist() == [2.0]


def test_head_and_normalisation_come_in_pairs(forecaster):
    with pytest.raises(ModelError, match="task 't' has only one of head and normalisation"):
        Forecaster(forecaster.model, {})
