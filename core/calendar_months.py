"""Steps of calendar months, which have no length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def months_later(times: NDArray[np.datetime64], months: NDArray[np.int64]) -> NDArray[np.datetime64]:
    """Return ``times`` moved by whole ``months``, of which either is repeated as numpy does.

    Day and time of day stay; in a month that has no such day it is the last one, so that no month is left out.
    """
    times = times.astype("datetime64[ms]")
    month, day = times.astype("datetime64[M]"), times.astype("datetime64[D]")
    there = month + months
    last = (there + 1).astype("datetime64[D]") - 1
    days = np.minimum(there.astype("datetime64[D]") + (day - month.astype("datetime64[D]")), last)
    return np.asarray(days.astype("datetime64[ms]") + (times - day))
