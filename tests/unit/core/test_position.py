from __future__ import annotations

import pytest
import torch

from unistd.core.position import sine_cosine_2d

CPU = torch.device("cpu")


@pytest.mark.parametrize("width", [1, 2, 7, 24])
@pytest.mark.parametrize("grid", [(1, 1), (3, 5)])
def test_shape_of_any_grid_and_width(grid, width):
    assert sine_cosine_2d(grid, width, CPU).shape == (grid[0] * grid[1], width)


def test_first_half_is_the_row_and_second_the_column():
    table = sine_cosine_2d((3, 4), 8, CPU).view(3, 4, 8)
    assert torch.equal(table[:, 0, :4], table[:, 3, :4])
    assert torch.equal(table[0, :, 4:], table[2, :, 4:])
    assert len({tuple(token.tolist()) for token in table.view(12, 8)}) == 12


def test_slowest_and_fastest_wave():
    row = sine_cosine_2d((2, 1), 8, CPU)[1, :4]
    angle = torch.tensor([1.0, 0.01])  # position 1 at frequencies 10000^0 and 10000^(-1/2)
    torch.testing.assert_close(row, torch.cat([angle.sin(), angle.cos()]))
