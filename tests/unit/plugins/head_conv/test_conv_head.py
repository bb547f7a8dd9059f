from __future__ import annotations

import pytest
import torch

from unistd.core.errors import UsageError
from unistd.plugins.head_conv.conv_head import ConvHead


def head(**changes) -> ConvHead:
    torch.manual_seed(0)
    return ConvHead(
        **{"past": 3, "future": 5, "channels_in": 2, "channels_out": 2, "trunk_width": 20, "width": 8, "stride": 4}
        | changes
    )


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3), (16, 12)])
def test_any_size_comes_back(stride, size):
    module = head(stride=stride)
    encoded = module.encode(torch.randn(2, 3, 2, *size))
    rows, columns = encoded.grid
    assert (rows, columns) == (-(-size[0] // stride), -(-size[1] // stride))
    assert encoded.tokens.shape == (2, rows * columns, 20)
    assert module.decode(encoded).shape == (2, 5, 2, *size)


def test_starts_as_persistence():
    x = torch.randn(2, 3, 2, 7, 5)
    module = head()
    assert torch.equal(module.decode(module.encode(x)), x[:, -1:].expand(-1, 5, -1, -1, -1))


def test_without_a_last_frame_it_starts_at_zero():
    module = head(channels_out=3)
    assert torch.equal(module.decode(module.encode(torch.randn(1, 3, 2, 6, 6))), torch.zeros(1, 5, 3, 6, 6))
    same = head(residual="none")
    assert torch.equal(same.decode(same.encode(torch.randn(1, 3, 2, 6, 6))), torch.zeros(1, 5, 2, 6, 6))


def test_tokens_are_laid_row_by_row():
    module = head(stride=1, past=1, future=1)
    x = torch.zeros(1, 1, 2, 9, 40)
    x[..., 5, 30] = 100.0
    changed = (module.encode(x).tokens - module.encode(torch.zeros_like(x)).tokens).abs().sum(-1)[0]
    row, column = divmod(int(changed.argmax()), 40)
    assert abs(row - 5) <= 2  # three 3×3 convolutions reach this far
    assert abs(column - 30) <= 2


def test_the_trunk_reaches_the_forecast():
    module = head()
    torch.nn.init.normal_(module.read_out.weight)
    encoded = module.encode(torch.randn(1, 3, 2, 8, 8))
    other = encoded._replace(tokens=encoded.tokens + torch.randn_like(encoded.tokens))
    assert (module.decode(encoded) - module.decode(other)).abs().max() > 1e-3


def test_relative_to_the_last_frame_needs_equal_channels():
    with pytest.raises(UsageError, match=r"residual 'last-frame' needs as many channels out as in, got 2 in and 3 out"):
        head(channels_out=3, residual="last-frame")


def test_one_window_of_one_pixel_trains_and_forecasts():
    module = head(width=8, stride=4).train()
    frames = module.decode(module.encode(torch.randn(1, 3, 2, 1, 1)))
    frames.square().sum().backward()
    assert frames.shape == (1, 5, 2, 1, 1)
    assert module.read_out.weight.grad.abs().sum() > 0


def moved(module, x):
    """Return what a head with some weights in its read-out adds to the last frame."""
    torch.manual_seed(1)
    torch.nn.init.normal_(module.read_out.weight)
    return module.decode(module.encode(x)) - x[:, -1:]


def test_a_correction_in_units_of_the_recent_change_fades_with_the_event():
    x = torch.randn(2, 3, 2, 16, 12)
    weaker = x * torch.tensor([0.1, 1.0])[:, None, None, None, None]
    strong, weak = (
        moved(head(residual="recent-change"), frames).square().mean(dim=(1, 2, 3, 4)) for frames in (x, weaker)
    )
    fixed, fixed_weak = (moved(head(), frames).square().mean(dim=(1, 2, 3, 4)) for frames in (x, weaker))
    assert weak[0] / strong[0] < 0.02
    torch.testing.assert_close(weak[1], strong[1])
    assert fixed_weak[0] / fixed[0] > 0.1  # the norms inside see little of the amplitude


def test_the_recent_change_is_of_each_channel():
    x = torch.randn(1, 3, 2, 16, 12)
    x[:, :, 1] = x[:, :1, 1]
    added = moved(head(residual="recent-change"), x)
    assert added[:, :, 0].abs().max() > 0.1
    assert torch.equal(added[:, :, 1], torch.zeros_like(added[:, :, 1]))


def test_a_window_that_stands_still_trains_without_a_correction():
    module = head(residual="recent-change").train()
    torch.nn.init.normal_(module.read_out.weight)
    x = torch.ones(1, 3, 2, 8, 8, requires_grad=True)
    frames = module.decode(module.encode(x))
    frames.square().sum().backward()
    assert torch.equal(frames, torch.ones_like(frames))
    assert x.grad.isfinite().all()


def test_a_recent_change_needs_two_frames_and_equal_channels():
    with pytest.raises(UsageError, match="residual 'recent-change' needs at least 2 past frames, got 1"):
        head(past=1, residual="recent-change")
    with pytest.raises(UsageError, match=r"residual 'recent-change' needs as many channels out as in, got 2 in and 3"):
        head(channels_out=3, residual="recent-change")
