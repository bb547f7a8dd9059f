from pathlib import Path

import numpy as np
import pytest

from unistd.core.errors import DataError
from unistd.core.importing.times import counted, decode_times, time_in_name

FILE = Path("a.nc")


def text(times):
    return [str(time) for time in times.astype("datetime64[m]")]


@pytest.mark.parametrize(
    ("values", "units", "step", "wanted"),
    [
        ([0, 6], "hours since 1900-01-01", (6, "h"), ["1900-01-01T00:00", "1900-01-01T06:00"]),
        ([0.5], "days since 2000-02-29", (1, "D"), ["2000-02-29T12:00"]),
        ([90.0], "minutes since 2000-01-01 06:00:00", (1, "h"), ["2000-01-01T07:30"]),
        ([1e9], "seconds since 1970-01-01", (1, "s"), ["2001-09-09T01:46"]),
        ([0, 13], "months since 1999-12-15", (1, "M"), ["1999-12-01T00:00", "2001-01-01T00:00"]),
    ],
)
def test_units_of_the_wild(values, units, step, wanted):
    assert text(decode_times(np.array(values), units, "", step, FILE)) == wanted


def test_hours_as_fractions_of_a_day_are_whole_hours():
    days = (np.arange(48) / 24).astype(np.float32)
    times = decode_times(days, "days since 1900-01-01", "standard", (1, "h"), FILE)
    assert (np.diff(times) == np.timedelta64(1, "h")).all()


@pytest.mark.parametrize(
    ("values", "units", "message"),
    [
        ([0.5], "months since 2000-01-01", "'months since 2000-01-01' holds '0.5', which is no whole month"),
        ([0], "fortnights since 2000-01-01", "times in 'fortnights since 2000-01-01' cannot be understood"),
        ([0], "m", "'m' is no unit of time\n  help: give it as the card's time.units"),
        ([np.nan], "days since 2000-01-01", "its times are not numbers but 'float64', or some are missing"),
    ],
)
def test_times_that_cannot_be_understood(values, units, message):
    with pytest.raises(DataError) as caught:
        decode_times(np.array(values), units, "", (1, "D"), FILE)
    assert str(caught.value).startswith(f"a.nc: {message}")


@pytest.mark.parametrize(("calendar", "year"), [("noleap", 365), ("360_day", 360), ("366_day", 366)])
def test_days_of_another_calendar_have_no_gap_and_no_double(calendar, year):
    pytest.importorskip("cftime", reason="cftime, of the extra 'import', is not installed")
    times = decode_times(np.arange(5 * year), "days since 2000-01-01", calendar, (1, "D"), FILE)
    assert (np.diff(times) == np.timedelta64(1, "D")).all()
    assert text(times[:1]) == ["2000-01-01T00:00"]
    gap = decode_times(np.array([58, 60]), "days since 2000-01-01", calendar, (1, "D"), FILE)
    assert np.diff(gap) == np.timedelta64(2, "D")  # a day that is really missing stays a gap


@pytest.mark.parametrize("calendar", ["noleap", "360_day"])
def test_months_of_another_calendar_are_months(calendar):
    pytest.importorskip("cftime", reason="cftime, of the extra 'import', is not installed")
    middles = {"noleap": [15, 45, 74], "360_day": [15, 45, 75]}[calendar]
    times = decode_times(np.array(middles), "days since 1850-01-01", calendar, (1, "M"), FILE)
    assert text(times) == ["1850-01-01T00:00", "1850-02-01T00:00", "1850-03-01T00:00"]


def test_counted_months_are_calendar_months():
    assert text(counted(np.datetime64("2000-11-16T12:00"), (1, "M"), 3))[1:] == ["2000-12-16T12:00", "2001-01-16T12:00"]


def test_counted_months_leave_out_none_although_some_are_shorter():
    times = counted(np.datetime64("2023-10-31T06:00"), (1, "M"), 6)
    assert text(times)[1:] == [
        f"{day}T06:00" for day in ("2023-11-30", "2023-12-31", "2024-01-31", "2024-02-29", "2024-03-31")
    ]


@pytest.mark.parametrize(
    ("name", "pattern", "start", "wanted"),
    [
        ("radar_201609281445_x.png", "radar_%Y%m%d%H%M_*.png", None, "2016-09-28T14:45"),
        ("2016/272.tif", "%Y/%j.tif", None, "2016-09-28T00:00"),
        ("image_0031.jpg", "image_{number}.jpg", "2000-01-01", "2000-01-01T15:30"),
        ("radar_20161328.png", "radar_%Y%m%d.png", None, None),
        ("other.png", "radar_%Y%m%d.png", None, None),
        ("radar_20160928xpng", "radar_%Y%m%d.png", None, None),
    ],
)
def test_time_in_a_name(name, pattern, start, wanted):
    time = time_in_name(name, pattern, start, (30, "m"))
    assert (None if time is None else str(time.astype("datetime64[m]"))) == wanted
