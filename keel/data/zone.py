"""Days and minutes of the week in a zone, over arrays of times."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.domain.errors import DataError
from keel.domain.timeframe import MS_PER_DAY, MS_PER_MINUTE

_MINUTES_PER_DAY: Final = 1440
_THURSDAY: Final = 3
"""1970-01-01, counted from Monday = 0."""


def local_ms(ts_ms: NDArray[np.int64], timezone: str) -> NDArray[np.int64]:
    """Return what a clock on the wall in `timezone` reads at each UTC time, as milliseconds since its own 1970-01-01.

    Raises DataError for a zone that is not in the IANA database.
    """
    if timezone == "UTC":
        return ts_ms
    stamps = pl.Series(ts_ms).cast(pl.Datetime("ms", "UTC"))
    try:
        wall = stamps.dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"timezone {timezone!r} is not in the IANA database; write one such as America/New_York"
        ) from error
    return wall.cast(pl.Int64).to_numpy()


def days(local: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return days since 1970-01-01 of local times in milliseconds."""
    return (local // MS_PER_DAY).astype(np.int32)


def minutes_of_week(local: NDArray[np.int64]) -> NDArray[np.int16]:
    """Return minutes since Monday 00:00 of local times in milliseconds."""
    minutes = local // MS_PER_MINUTE + _THURSDAY * _MINUTES_PER_DAY
    return (minutes % (7 * _MINUTES_PER_DAY)).astype(np.int16)
