"""Times of frames: from a coordinate of any calendar, from a file's name, or counted."""

from __future__ import annotations

import re
import warnings
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from unistd.core.calendar_months import months_later
from unistd.core.errors import DataError
from unistd.core.importing.field import EXTRA

Times = NDArray[np.datetime64]
Step = tuple[int, str]

_SINCE = re.compile(r"months?\s+since\s+(.*)", re.IGNORECASE)
_DIGITS = {"%Y": r"\d{4}", "%j": r"\d{3}", "%f": r"\d{1,6}", "%y": r"\d{2}"}
USUAL = ("standard", "gregorian", "proleptic_gregorian")


def decode_times(values: NDArray[Any], units: str, calendar: str, step: Step, path: Path) -> Times:
    """Return the times (time,) of numbers such as ``hours since 1900-01-01``.

    Dates of another calendar than the usual one (``noleap``, ``360_day``, …) become months where frames are months
    apart. Else their true distance counts: they are laid out from the first of January of the first frame's year, so
    that no day is missing or doubled; after years their dates run ahead or behind.

    Raises:
        DataError: The unit is no unit of time, months are not whole, or a calendar needs a package.
    """
    values = np.atleast_1d(values)
    if values.dtype.kind == "M":
        return values.astype("datetime64[ms]")
    if values.dtype.kind not in "iuf" or not np.isfinite(values.astype(np.float64)).all():
        raise DataError(f"its times are not numbers but '{values.dtype}', or some are missing", where=str(path))
    if since := _SINCE.fullmatch(units.strip()):
        return _months(values, since[1], calendar, path)
    coder = xr.coders.CFDatetimeCoder(time_unit="us")
    attributes = {"units": units, "calendar": calendar or "standard"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", xr.SerializationWarning)  # fractions are rounded below
            data = xr.decode_cf(xr.Dataset({"time": ("time", values, attributes)}), decode_times=coder)
        decoded = data["time"].values
    except (ImportError, ValueError, OverflowError, TypeError) as error:
        if "cftime" in str(error) and find_spec("cftime") is None:
            message = f"times in '{units}' of calendar '{attributes['calendar']}' need the package 'cftime'"
            raise DataError(message, where=str(path), help=EXTRA) from error
        help_ = "units such as 'hours since 1900-01-01' in the file, or as the card's time.units"
        raise DataError(f"times in '{units}' cannot be understood: {error}", where=str(path), help=help_) from error
    if decoded.dtype.kind == "O":
        return _other_calendar(decoded, step)
    if decoded.dtype.kind != "M":
        raise DataError(f"'{units}' is no unit of time", where=str(path), help="give it as the card's time.units")
    return _whole(decoded, step)


def _months(values: NDArray[Any], since: str, calendar: str, path: Path) -> Times:
    """Months differ in length, so only whole ones have a date."""
    if (np.rint(values) != values).any():
        message = f"'months since {since}' holds '{values[np.rint(values) != values][0]}', which is no whole month"
        raise DataError(message, where=str(path), help="say when each frame is by the card's time.start")
    date = re.match(r"\s*(\d{1,4})-(\d{1,2})(-\d{1,2})?", since)
    if date is None or (calendar and calendar not in (*USUAL, "noleap", "365_day", "360_day")):
        raise DataError(f"'months since {since}' of calendar '{calendar}' has no date", where=str(path))
    first = np.datetime64(f"{int(date[1]):04d}-{int(date[2]):02d}", "M")
    return (first + values.astype(np.int64)).astype("datetime64[ms]")


class Dated(NamedTuple):
    """Times (time,) of a file, where it says them, and their calendar where they were laid out from another one."""

    times: Times | None
    calendar: str


UNDATED = Dated(None, "")


def dated(values: NDArray[Any], units: str, calendar: str, step: Step, path: Path) -> Dated:
    """Return what ``decode_times`` does, and the calendar where files of several years have to be laid out anew."""
    usual = not calendar or calendar.lower() in USUAL or step[1] == "M" or _SINCE.fullmatch(units.strip())
    return Dated(decode_times(values, units, calendar, step, path), "" if usual else calendar)


def from_year(times: Times, calendar: str, year: int) -> Times:
    """Return ``times`` (time,), which are laid out from the January of their own first year, from that of ``year``."""
    import cftime

    own = int(times[0].astype("datetime64[Y]").astype(np.int64)) + 1970
    true = (cftime.datetime(y, 1, 1, calendar=calendar).toordinal() for y in (own, year))
    usual = (np.datetime64(f"{y:04d}-01-01").astype(np.int64) for y in (own, year))
    apart = [int(later) - int(earlier) for later, earlier in (true, usual)]
    return np.asarray(times + np.timedelta64(apart[0] - apart[1], "D").astype("timedelta64[ms]"))


def _other_calendar(dates: NDArray[Any], step: Step) -> Times:
    if step[1] == "M":
        months = [f"{date.year:04d}-{date.month:02d}" for date in dates]
        return np.array(months, "datetime64[M]").astype("datetime64[ms]")
    first = dates[0].replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    seconds = np.array([(date - first).total_seconds() for date in dates])
    elapsed = np.rint(seconds * 1000).astype(np.int64).astype("timedelta64[ms]")
    return _whole(np.datetime64(f"{first.year:04d}-01-01", "ms") + elapsed, step)


def _whole(times: Times, step: Step) -> Times:
    """Round to whole seconds, because fractions of a day are not exact; steps of milliseconds are left."""
    exact = times.astype("datetime64[us]").astype(np.int64)
    unit = 1_000 if step[1] == "ms" else 1_000_000
    return ((exact + unit // 2) // unit * unit // 1000).astype("datetime64[ms]")


def counted(first: np.datetime64, step: Step, count: int) -> Times:
    """Return ``count`` times (time,) one ``step`` apart; months are calendar months."""
    return _later(first.astype("datetime64[ms]"), step, np.arange(count))


def _later(first: np.datetime64, step: Step, numbers: NDArray[np.int64]) -> Times:
    n, unit = step
    if unit == "M":
        return months_later(np.asarray(first), n * numbers)
    return np.asarray(first + numbers * np.timedelta64(n, unit).astype("timedelta64[ms]"))  # type: ignore[call-overload]


def time_in_name(name: str, pattern: str, start: str | None, step: Step) -> np.datetime64 | None:
    """Return the time that ``name`` holds by ``pattern``, ``None`` where it does not fit.

    ``pattern`` has strftime's letters, or ``{number}`` for steps since ``start``; ``*`` stands for anything.
    """
    parts = re.split(r"(%[A-Za-z]|\{number\}|\*)", pattern)
    regex = "".join(_expression(part) for part in parts)
    found = re.fullmatch(regex, name)
    if found is None:
        return None
    if start is not None:
        number = np.array([int(found["number"])])
        return _later(np.datetime64(start, "ms"), step, number)[0]  # type: ignore[no-any-return]
    letters = [part for part in parts if part.startswith("%")]
    values = [value for value in found.groups() if value is not None]
    try:
        date = datetime.strptime(" ".join(values), " ".join(letters))
    except ValueError:
        return None
    return np.datetime64(date, "ms")


def _expression(part: str) -> str:
    if part == "{number}":
        return r"(?P<number>\d+)"
    if part == "*":
        return ".*"
    if part.startswith("%") and len(part) == 2:
        letters = "[A-Za-z]+" if part in ("%b", "%B", "%a", "%A", "%p") else _DIGITS.get(part, r"\d{2}")
        return f"({letters})"
    return re.escape(part)
