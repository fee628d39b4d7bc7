"""Which window of the trading day a moment lies in, by an exchange's calendar: half days, holidays and DST included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.config.sessions import SessionsSection
from keel.data.calendars import Sessions
from keel.data.quality.known_sessions import known_sessions
from keel.data.session_flags import session_flags
from keel.domain.sessions import Activity, Window
from keel.domain.timeframe import MS_PER_DAY, MS_PER_MINUTE, ROUND_THE_CLOCK, timeframe_ms

_MARGIN_DAYS: Final = 31
"""Days looked at beyond a moment, so that the session before it and the one after are known: no market rests longer."""


@dataclass(frozen=True, slots=True)
class Span:
    """Hold the window of a moment and when it began and ends, UTC milliseconds; None is never."""

    window: Window
    start_ms: int | None
    end_ms: int | None


class MarketHours:
    """Know the windows of a calendar. Raises DataError, when asked, for one that exchange_calendars lacks.

    Sessions are the calendar's own, to the minute. The windows beside them have the section's lengths, but never reach
    into another session; an early close moves the end of after hours with it.
    """

    def __init__(self, calendar: str, section: SessionsSection) -> None:
        self.calendar = calendar
        self._section = section
        self._first_day = self._last_day = 0
        self._starts_ms = np.zeros(0, np.int64)
        self._windows = np.zeros(0, np.uint8)
        none = np.zeros(0, np.int64)
        self._known = Sessions(calendar, "UTC", none, none, none)

    def at(self, ts_ms: int) -> Span:
        """Return the window of a moment; one that begins then is that window already."""
        if self.calendar == ROUND_THE_CLOCK:
            return Span(Window.REGULAR, None, None)
        self._cover(ts_ms, ts_ms)
        after = int(np.searchsorted(self._starts_ms, ts_ms, side="right"))
        return Span(
            Window(int(self._windows[after - 1])) if after else Window.CLOSED,
            int(self._starts_ms[after - 1]) if after else None,
            int(self._starts_ms[after]) if after < self._starts_ms.size else None,
        )

    def windows(self, ts_ms: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the Window of each moment."""
        if self.calendar == ROUND_THE_CLOCK or not ts_ms.size:
            return np.full(ts_ms.shape, Window.REGULAR, np.uint8)
        self._cover(int(ts_ms.min()), int(ts_ms.max()))
        after = np.searchsorted(self._starts_ms, ts_ms, side="right")
        return np.append(self._windows, np.uint8(Window.CLOSED))[after - 1]

    def row_flags(self, close_ts_ms: int, length_ms: int) -> int:
        """Return the flags that the sessions give to a row (docs/execution.md, rule 29)."""
        if self.calendar == ROUND_THE_CLOCK:
            return 0
        self._cover(close_ts_ms, close_ts_ms)
        return int(session_flags(np.array([close_ts_ms]), length_ms, self._known)[0])

    def _cover(self, first_ms: int, last_ms: int) -> None:
        """Have the windows of a span of time at hand, and of enough days beside it."""
        first_day, last_day = first_ms // MS_PER_DAY - _MARGIN_DAYS, last_ms // MS_PER_DAY + _MARGIN_DAYS
        if self._starts_ms.size:
            if self._first_day <= first_day and last_day <= self._last_day:
                return
            first_day, last_day = min(first_day, self._first_day), max(last_day, self._last_day)
        self._known = known_sessions(self.calendar, first_day, last_day)
        self._starts_ms, self._windows = _boundaries(self._known, self._section)
        self._first_day, self._last_day = first_day, last_day


def activities(
    section: SessionsSection, calendar: str, timeframe: str, closes: NDArray[np.int64]
) -> NDArray[np.uint8] | None:
    """Return the Activity at each close, None where everything may be done at all of them."""
    if calendar == ROUND_THE_CLOCK:
        return None
    allowed = np.array(section.activities, np.uint8)
    if timeframe_ms(timeframe) >= MS_PER_DAY:
        found = np.full(closes.shape, allowed[Window.AT_CLOSE])
    else:
        found = allowed[MarketHours(calendar, section).windows(closes)]
    return None if (found == Activity.TRADE).all() else found


def _boundaries(known: Sessions, section: SessionsSection) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return when windows begin, ascending, and which they are; two that follow each other differ."""
    opens, closes = known.open_ts_ms, known.close_ts_ms
    next_opens = np.append(opens[1:], np.iinfo(np.int64).max)
    over = np.minimum(closes + MS_PER_MINUTE, next_opens)
    late = np.maximum(np.minimum(closes + section.after_hours_minutes * MS_PER_MINUTE, next_opens), over)
    last_late = np.append(np.iinfo(np.int64).min, late[:-1])
    early = np.maximum(opens - section.pre_market_minutes * MS_PER_MINUTE, last_late)
    order = (Window.PRE_MARKET, Window.REGULAR, Window.AT_CLOSE, Window.AFTER_HOURS, Window.CLOSED)
    starts = np.stack((early, opens, closes, over, late), axis=1).ravel()
    windows = np.tile(np.array(order, np.uint8), opens.size)
    lasting = np.append(starts[1:] > starts[:-1], True)
    starts, windows = starts[lasting], windows[lasting]
    changing = np.append(True, windows[1:] != windows[:-1])
    return starts[changing], windows[changing]
