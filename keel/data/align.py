"""Stored bars as the arrays the simulator runs on (`keel.domain.layout.BAR`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from keel.data.bars import StoredBars
from keel.data.zone import days, local_ms, minutes_of_week
from keel.domain.errors import DataError
from keel.domain.layout import BAR, BAR_ENDS_DAY, BAR_PRESENT
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK

_PRICES: Final = ("open", "high", "low", "close")
_BLOCK: Final = 1 << 16
"""Rows whose times are worked out at once: the steps between stay in cache and out of the memory peak."""
_Place: TypeAlias = slice | NDArray[np.intp]


def align(bars: Sequence[StoredBars], timezone: str) -> NDArray[Any]:
    """Lay bars of several instruments side by side: BAR records (rows, instruments), C-contiguous.

    A row is one close: rows are the sorted union of `close_ts_ms`. An instrument without that bar has NaN
    prices, volume 0 and no BAR_PRESENT, but the row's times, day and minute of week. `day` is days since
    1970-01-01 of the row's first open in `timezone`, `minute_of_week` counts from Monday 00:00 there.
    BAR_ENDS_DAY is on every record of a day's last row; on the very last row only if it closes at midnight
    in the zone or the calendar is not 24/7, because a round the clock day that is cut short has not ended.
    Raises DataError for bars that one run cannot hold.
    """
    _refuse_mixture(bars)
    closes = [one.table["close_ts_ms"].to_numpy() for one in bars]
    rows = _union(closes)
    whole = [one.size == rows.size for one in closes]
    places = [slice(None) if full else np.searchsorted(rows, one) for full, one in zip(whole, closes, strict=True)]
    out = np.zeros((rows.size, len(bars)), dtype=BAR)
    _fill_times(out, _first_opens(bars, places, rows.size), rows, timezone)
    _mark_day_ends(out, timezone, round_the_clock=bars[0].calendar == ROUND_THE_CLOCK)
    for i, one in enumerate(bars):
        _fill_prices(out[:, i], one, places[i], whole=whole[i])
    return out


def fine_bars(bars: Sequence[StoredBars]) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Lay bars one instrument after another: BAR records (all bars,), and where each instrument starts and ends.

    Each instrument's part is sorted by time. Days are those of the zone the bars are stored with; no
    BAR_ENDS_DAY is set: the coarser bars decide the day. Raises DataError if there is none.
    """
    if not bars:
        raise DataError("there are no bars: name at least one symbol")
    ends = np.cumsum([one.table.height for one in bars], dtype=np.int64)
    starts = ends - np.array([one.table.height for one in bars], dtype=np.int64)
    out = np.zeros(int(ends[-1]), dtype=BAR)
    for one, start, end in zip(bars, starts, ends, strict=True):
        part = out[start:end]
        local = local_ms(one.table["open_ts_ms"].to_numpy(), one.timezone)
        part["day"], part["minute_of_week"] = days(local), minutes_of_week(local)
        part["close_ts_ms"] = one.table["close_ts_ms"].to_numpy()
        _fill_prices(part, one, slice(None), whole=True)
    return out, starts, ends


def _refuse_mixture(bars: Sequence[StoredBars]) -> None:
    if not bars:
        raise DataError("there are no bars: name at least one symbol")
    first, names = bars[0], [one.instrument_id for one in bars]
    for one in bars[1:]:
        for kind in ("timeframe", "calendar"):
            if (mine := getattr(one, kind)) != (its := getattr(first, kind)):
                raise DataError(
                    f"{one.instrument_id} has {kind} {mine}, {first.instrument_id} has {its}: one run takes one {kind}"
                )
    if len(set(names)) < len(names):
        raise DataError(f"{', '.join(map(str, names))}: an instrument stands twice in the list; name it once")


def _union(closes: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    if all(np.array_equal(one, closes[0]) for one in closes[1:]):
        return closes[0]
    return np.unique(np.concatenate(closes))


def _first_opens(bars: Sequence[StoredBars], places: Sequence[_Place], rows: int) -> NDArray[np.int64]:
    if len(bars) == 1:
        return bars[0].table["open_ts_ms"].to_numpy()
    opens = np.full(rows, np.iinfo(np.int64).max, dtype=np.int64)
    for one, at in zip(bars, places, strict=True):
        opens[at] = np.minimum(opens[at], one.table["open_ts_ms"].to_numpy())
    return opens


def _fill_times(out: NDArray[Any], opens: NDArray[np.int64], closes: NDArray[np.int64], timezone: str) -> None:
    for start in range(0, opens.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        local = local_ms(opens[part], timezone)
        out["open_ts_ms"][part] = opens[part, None]
        out["close_ts_ms"][part] = closes[part, None]
        out["day"][part] = days(local)[:, None]
        out["minute_of_week"][part] = minutes_of_week(local)[:, None]


def _mark_day_ends(out: NDArray[Any], timezone: str, *, round_the_clock: bool) -> None:
    day = out["day"][:, 0]
    last_close = np.array(out["close_ts_ms"][-1:, 0])
    out["flags"][:-1][day[1:] != day[:-1]] = BAR_ENDS_DAY
    if not round_the_clock or local_ms(last_close, timezone)[0] % MS_PER_DAY == 0:
        out["flags"][-1] = BAR_ENDS_DAY


def _fill_prices(out: NDArray[Any], bars: StoredBars, at: _Place, *, whole: bool) -> None:
    for name in _PRICES:
        if not whole:
            out[name] = np.nan
        out[name][at] = bars.table[name].to_numpy()
    for name in ("volume", "open_ts_ms"):
        out[name][at] = bars.table[name].to_numpy()
    out["flags"][at] |= BAR_PRESENT
