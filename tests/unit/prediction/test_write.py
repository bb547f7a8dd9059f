import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr

from unistd.core.data.store import WHOLE
from unistd.core.errors import DataError, ModelError, UsageError
from unistd.core.prediction.coordinates import valid_times
from unistd.core.prediction.write import write_forecasts, write_latest
from unistd.core.task import Channel, TaskCard, Window

FRAMES = np.random.default_rng(0).random((12, 2, 3, 4)).astype(np.float32)


class Store:
    """Twelve hours of frames in memory; the first pixel of the first channel is missing in frames 0 to 2."""

    path, digest, grid = "memory", "abc", (3, 4)

    def __init__(self, step=(1, "h"), units=("K", "K"), sequence=None):
        self.card = TaskCard(
            name="toy",
            discipline="test",
            version="1",
            channels=(Channel(name="warm", unit=units[0]), Channel(name="cold", unit=units[1])),
            step=step,
            window=Window(past=2, future=3),
            source="nowhere",
        )
        self.frames = FRAMES.copy()
        self.frames[:3, 0, 0, 0] = np.nan
        times = np.datetime64("2024-01-31", step[1]) + np.arange(12) * np.timedelta64(*step)
        self.times = times.astype("datetime64[ms]")
        self.sequence = np.zeros(12, np.int32) if sequence is None else np.array(sequence, np.int32)
        self.y, self.x = (np.array([50.0, 51.0, 52.0]), {"units": "degrees_north", "standard_name": "latitude"}), None

    def spans(self, starts, length, region=WHOLE):
        return self.frames[:, :, *region], starts

    def decode(self, raw):
        return raw


def windows(store=None):
    return SimpleNamespace(store=store or Store(), starts=np.array([0, 1, 3, 5, 7]), past=2, future=3)


def starts_and_leads(past, starts):
    """A forecast whose values say which window and lead they are of."""
    values = starts[:, None] * 10.0 + torch.arange(1, 4)
    return values[:, :, None, None, None].expand(-1, -1, 2, 3, 4)


def opened(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification")
        return xr.open_zarr(path).load()


@pytest.mark.parametrize("batch", [1, 2, 50])
def test_xarray_opens_it_with_coordinates_and_units(tmp_path, batch):
    done = []
    write_forecasts(tmp_path / "out.zarr", windows(), starts_and_leads, batch=batch, progress=done.append)
    data = opened(tmp_path / "out.zarr")
    assert data.forecast.dims == data.truth.dims == ("start", "lead", "channel", "y", "x")
    assert sum(done) == 5
    one = data.sel(start="2024-01-31T04:00", lead=np.timedelta64(2, "h"), channel="cold")
    assert (one.forecast == 32.0).all()
    np.testing.assert_array_equal(one.truth.values.squeeze(), FRAMES[6, 1])
    assert one.time.values.squeeze() == np.datetime64("2024-01-31T06:00")
    assert one.channel_unit.item() == data.forecast.attrs["units"] == "K"
    assert data.y.values.tolist() == [50, 51, 52]
    assert data.y.attrs["standard_name"] == "latitude"
    assert set(data.coords) == {"start", "lead", "time", "sequence", "channel", "channel_unit", "y"}
    assert (data.attrs["Conventions"], data.attrs["task"], data.attrs["store_digest"]) == ("CF-1.11", "toy", "abc")


def test_every_window_is_written_in_its_place(tmp_path):
    write_forecasts(tmp_path / "out.zarr", windows(), starts_and_leads, batch=2, attributes={"run": "r1"})
    data = opened(tmp_path / "out.zarr")
    assert data.forecast[:, :, 1, 0, 0].values.tolist() == [[s * 10 + k for k in (1, 2, 3)] for s in (0, 1, 3, 5, 7)]
    for i, start in enumerate((0, 1, 3, 5, 7)):
        np.testing.assert_array_equal(data.truth[i].values, Store().frames[start + 2 : start + 5])
    assert data.attrs["run"] == "r1"


def test_a_pixel_never_seen_in_the_input_is_missing_in_the_forecast(tmp_path):
    """Window 0 sees frames 0 1, window 1 frames 1 2: missing in all. Window 3 sees it."""
    write_forecasts(tmp_path / "out.zarr", windows(), starts_and_leads, batch=2)
    missing = opened(tmp_path / "out.zarr").forecast.isnull()
    assert missing[:2, :, 0, 0, 0].all()
    assert missing.sum() == 2 * 3


def test_channels_of_several_units_have_them_each(tmp_path):
    write_forecasts(tmp_path / "out.zarr", windows(Store(units=("K", "m s-1"))), starts_and_leads, batch=2)
    data = opened(tmp_path / "out.zarr")
    assert "units" not in data.forecast.attrs
    assert data.channel_unit.values.tolist() == ["K", "m s-1"]


def test_months_are_months_ahead(tmp_path):
    write_forecasts(tmp_path / "out.zarr", windows(Store(step=(1, "M"))), starts_and_leads, batch=2)
    data = opened(tmp_path / "out.zarr")
    assert data.lead.attrs["units"] == "months"
    assert data.lead.values.tolist() == [1, 2, 3]
    assert data.time[0].values.astype("datetime64[M]").astype(str).tolist() == ["2024-03", "2024-04", "2024-05"]


def test_valid_times_keep_the_place_in_the_month():
    last = np.array(["2023-11-15T12:00"], "datetime64[ms]")
    assert valid_times(last, 2, (1, "M")).astype("datetime64[h]").astype(str).tolist() == [
        ["2023-12-15T12", "2024-01-15T12"]
    ]
    ends = np.array(["2022-12-31", "2023-01-31"], "datetime64[ms]")
    assert valid_times(ends, 3, (1, "M")).astype("datetime64[D]").astype(str).tolist() == [
        ["2023-01-31", "2023-02-28", "2023-03-31"],
        ["2023-02-28", "2023-03-31", "2023-04-30"],
    ]


def test_latest_forecasts_from_the_end_of_the_store_without_truth(tmp_path):
    write_latest(tmp_path / "out.zarr", Store(), starts_and_leads, past=2, future=3)
    data = opened(tmp_path / "out.zarr")
    assert "truth" not in data
    assert data.start.values.tolist() == [np.datetime64("2024-01-31T11:00", "ns").astype(int)]
    assert data.time.values[0, 0] == np.datetime64("2024-01-31T12:00")
    assert data.forecast[0, :, 0, 0, 0].values.tolist() == [101, 102, 103]


def test_latest_frames_after_a_gap_may_be_too_few(tmp_path):
    with pytest.raises(DataError, match="latest unbroken frames of task 'toy' are '1', a forecast needs 2"):
        write_latest(tmp_path / "out.zarr", Store(sequence=[0] * 11 + [1]), starts_and_leads, past=2, future=3)


def test_an_existing_path_is_refused_and_kept(tmp_path):
    (tmp_path / "out.zarr").mkdir()
    with pytest.raises(UsageError, match=r"'out\.zarr' is there already") as error:
        write_forecasts(tmp_path / "out.zarr", windows(), starts_and_leads, batch=2)
    assert "name another folder" in error.value.help
    assert list((tmp_path / "out.zarr").iterdir()) == []


def test_a_failure_on_the_way_leaves_nothing_behind(tmp_path):
    def fails_later(past, starts):
        values = starts_and_leads(past, starts).clone()
        values[starts == 3, 0, 1, 2, 3] = torch.inf
        return values

    with pytest.raises(
        ModelError, match=r"'toy' from '2024-01-31T04:00:00.000' holds values that are no finite numbers"
    ):
        write_forecasts(tmp_path / "out.zarr", windows(), fails_later, batch=2)
    assert list(tmp_path.iterdir()) == []


def test_a_forecast_of_the_wrong_shape_is_an_error(tmp_path):
    with pytest.raises(ModelError, match=r"has shape '\(2, 2, 2, 3, 4\)'"):
        write_forecasts(tmp_path / "out.zarr", windows(), lambda past, starts: past, batch=2)
