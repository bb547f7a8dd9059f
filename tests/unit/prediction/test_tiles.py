"""Tiles keep every pixel once; a forecast that looks no further than the overlap is the same as in one piece."""

import numpy as np
import pytest
import zarr
from hypothesis import given, strategies as st
from torch.nn import functional

from unistd.core.data.prepare import prepare
from unistd.core.data.windows import Windows
from unistd.core.errors import UsageError
from unistd.core.prediction.tiles import ALIGNED, Tiling, usual_overlap
from unistd.core.prediction.write import write_forecasts, write_latest
from unistd.plugins.synthetic.motion import SyntheticMotion


@st.composite
def tilings(draw):
    overlap = draw(st.integers(0, 3))
    return Tiling(ALIGNED * draw(st.integers(2 * overlap + 1, 9)), ALIGNED * overlap)


@given(tilings(), st.tuples(st.integers(1, 700), st.integers(1, 700)))
def test_every_pixel_is_kept_once_with_what_lies_round_it(tiling, grid):
    kept = np.zeros(grid, int)
    for tile in tiling.tiles(grid):
        kept[tile.kept] += 1
        for seen, own, within, length in zip(tile.seen, tile.kept, tile.within, grid, strict=True):
            assert seen.start <= max(0, own.start - tiling.overlap)
            assert seen.stop >= min(length, own.stop + tiling.overlap)
            assert seen.start % ALIGNED == 0
            assert min(length, tiling.size - ALIGNED) < seen.stop - seen.start + (length <= tiling.size)
            assert seen.stop - seen.start <= tiling.size
            assert (within.start, within.stop) == (own.start - seen.start, own.stop - seen.start)
    assert (kept == 1).all()
    rows, columns = tiling.middle(grid)
    assert rows.start <= grid[0] // 2 < rows.stop
    assert columns.start <= grid[1] // 2 < columns.stop


@pytest.mark.parametrize(
    ("size", "overlap", "said"),
    [
        (100, 0, "tile '100' is not a multiple of 32 pixels"),
        (0, 0, "tile '0' is not a multiple"),
        (64, 20, "overlap '20' is not a multiple"),
        (64, -32, "overlap '-32' is not a multiple"),
        (64, 32, "an overlap of '32' on both sides leaves nothing of a tile of 64 pixels"),
    ],
)
def test_tiles_that_cannot_be_are_refused(size, overlap, said):
    with pytest.raises(UsageError, match=said):
        Tiling(size, overlap)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    task = SyntheticMotion(height=100, width=140, train=1, val=1, test=3, frames=6)
    return prepare(task, tmp_path_factory.mktemp("stores") / "shapes.zarr")


def blurred(past, starts):
    """Look 16 pixels around, half an overlap, and say which window it is."""
    last = functional.avg_pool2d(past[:, -1], 33, stride=1, padding=16, count_include_pad=False)
    return (last + starts[:, None, None, None])[:, None].expand(-1, 2, -1, -1, -1)


def written(path):
    group = zarr.open_group(path, mode="r")
    return {name: group[name][:] for name in ("forecast", "truth") if name in group}


@pytest.mark.parametrize("tiling", [Tiling(96, 32), Tiling(128, 32), Tiling(512, 64)])
def test_a_local_forecast_is_the_same_in_tiles(store, tmp_path, tiling):
    windows = Windows(store, "test", 2, 2)
    write_forecasts(tmp_path / "whole.zarr", windows, blurred, batch=2)
    write_forecasts(tmp_path / "tiles.zarr", windows, blurred, batch=2, tiling=tiling)
    whole, tiles = written(tmp_path / "whole.zarr"), written(tmp_path / "tiles.zarr")
    np.testing.assert_array_equal(tiles["truth"], whole["truth"])
    np.testing.assert_allclose(tiles["forecast"], whole["forecast"], rtol=1e-6)


def test_without_overlap_the_seams_show(store, tmp_path):
    windows = Windows(store, "test", 2, 2)
    write_forecasts(tmp_path / "whole.zarr", windows, blurred, batch=3)
    write_forecasts(tmp_path / "tiles.zarr", windows, blurred, batch=3, tiling=Tiling(32, 0))
    away = np.abs(written(tmp_path / "tiles.zarr")["forecast"] - written(tmp_path / "whole.zarr")["forecast"])
    assert away[..., 30:34, :].max() > 1e-3
    assert away.shape[-2:] == (100, 140)


def test_the_latest_frames_in_tiles_and_no_more_seen_than_a_tile(store, tmp_path):
    seen = []

    def forecast(past, starts):
        seen.append(tuple(past.shape[-2:]))
        return blurred(past, starts)

    write_latest(tmp_path / "whole.zarr", store, blurred, past=2, future=2)
    write_latest(tmp_path / "tiles.zarr", store, forecast, past=2, future=2, tiling=Tiling(96, 32))
    np.testing.assert_allclose(
        written(tmp_path / "tiles.zarr")["forecast"], written(tmp_path / "whole.zarr")["forecast"], rtol=1e-6
    )
    assert seen
    assert max(height for height, _ in seen) <= 96
    assert max(width for _, width in seen) <= 96
    assert zarr.open_group(tmp_path / "tiles.zarr")["forecast"].chunks == (1, 2, 1, 32, 32)


def test_the_usual_overlap_is_a_quarter_in_whole_tokens_as_far_as_there_is_room():
    assert {size: usual_overlap(size) for size in (32, 64, 96, 128, 160, 256, 288)} == {
        32: 0, 64: 0, 96: 32, 128: 32, 160: 64, 256: 64, 288: 96
    }  # fmt: skip
    for size in range(ALIGNED, 40 * ALIGNED, ALIGNED):
        assert Tiling(size, usual_overlap(size)).step > 0
