"""When rows of a live market close: each timeframe round the clock, only while a market has bars, or with each session.

Bars of a day, of a market that closes, are its sessions: from the open to the close, half days included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from keel.config.modes import LiveRun
from keel.data.market_hours import MarketHours, Span
from keel.data.zone import days, local_ms
from keel.domain.layout import BAR_ENDS_DAY
from keel.domain.sessions import Window
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK, timeframe_ms

_BUSY: Final = (Window.REGULAR, Window.AT_CLOSE)
"""Windows in which it is a fault that no bar comes."""


@dataclass(frozen=True)
class Closes:
    """Know the closes of a timeframe, a day at most. `hours` are those of a market that closes; None = never."""

    timeframe_ms: int
    timezone: str = "UTC"
    hours: MarketHours | None = None

    @property
    def by_session(self) -> bool:
        """Say whether a row is a session."""
        return self.hours is not None and self.timeframe_ms >= MS_PER_DAY

    def opening_of(self, close_ts_ms: int) -> int:
        """Return the open of the bars that close then."""
        if self.hours is not None and self.by_session:
            return self.hours.at(close_ts_ms - 1).start_ms or close_ts_ms - self.timeframe_ms
        return close_ts_ms - self.timeframe_ms

    def fits(self, open_ts_ms: int, close_ts_ms: int, another_ms: int) -> bool:
        """Say whether there can be such a bar, where there is one that closes at another time."""
        if self.hours is not None and self.by_session:
            span = self.hours.at(open_ts_ms)
            return span == Span(Window.REGULAR, open_ts_ms, close_ts_ms)
        right_length = close_ts_ms - open_ts_ms == self.timeframe_ms
        return right_length and (close_ts_ms - another_ms) % self.timeframe_ms == 0

    def after(self, close_ts_ms: int) -> int:
        """Return the close of the next row: no bar lies wholly in a night, a weekend or a holiday."""
        following = close_ts_ms + self.timeframe_ms
        if self.hours is None:
            return following
        if self.by_session:
            return self._session(self.hours, close_ts_ms, forward=True).end_ms or following
        span = self.hours.at(following - 1)
        if span.window is not Window.CLOSED or span.end_ms is None or span.end_ms < following:
            return following
        return span.end_ms - span.end_ms % self.timeframe_ms + self.timeframe_ms

    def sure_after(self, close_ts_ms: int) -> int:
        """Return the close of the next row that has to have bars: one of the regular session, where there is one."""
        following = self.after(close_ts_ms)
        if self.hours is None or self.hours.at(following - 1).window is Window.REGULAR:
            return following
        opened_ms = self._session(self.hours, following, forward=True).start_ms
        return following if opened_ms is None else opened_ms - opened_ms % self.timeframe_ms + self.timeframe_ms

    def latest(self, now_ms: int) -> int:
        """Return the newest close by now."""
        latest = now_ms - now_ms % self.timeframe_ms
        if self.hours is None:
            return latest
        if self.by_session:
            span = self.hours.at(now_ms)
            begun_ms = span.start_ms if span.window is Window.REGULAR else now_ms
            return self._session(self.hours, now_ms if begun_ms is None else begun_ms, forward=False).end_ms or latest
        span = self.hours.at(latest - 1)
        if span.window is Window.CLOSED and span.start_ms is not None:
            return min(latest, -(-span.start_ms // self.timeframe_ms) * self.timeframe_ms)
        return latest

    def before(self, close_ts_ms: int, rows: int) -> int:
        """Return the close that lies so many rows before another, or up to a day more."""
        if self.hours is None:
            return close_ts_ms - rows * self.timeframe_ms
        if self.by_session:
            opened_ms = self.opening_of(close_ts_ms)
            for _ in range(rows - 1):
                opened_ms = self._session(self.hours, opened_ms, forward=False).start_ms or opened_ms
            return opened_ms
        earlier, left_ms = close_ts_ms, rows * self.timeframe_ms
        while left_ms > 0:
            span = self.hours.at(earlier - 1)
            if span.start_ms is None:
                break
            left_ms -= 0 if span.window is Window.CLOSED else earlier - span.start_ms
            earlier = span.start_ms
        return earlier - earlier % self.timeframe_ms

    def is_thin(self, close_ts_ms: int, now_ms: int) -> bool:
        """Say whether a row may well have no bars: outside the regular session nobody has to trade.

        Once that is over, what it has not brought is not waited for any longer.
        """
        if self.hours is None or self.by_session:
            return False
        return any(self.hours.at(ts_ms).window not in _BUSY for ts_ms in (close_ts_ms - 1, now_ms))

    def due_with(self, close_ts_ms: int, now_ms: int) -> int:
        """Return the last close that one question for bars covers: of a market that closes, all that are due."""
        return close_ts_ms if self.hours is None else max(close_ts_ms, self.latest(now_ms))

    def ends_day(self, close_ts_ms: int) -> bool:
        """Say whether a row is the last of a day in the market's zone."""
        if self.by_session:
            return True
        if self.hours is None:
            return bool(local_ms(np.array([close_ts_ms]), self.timezone)[0] % MS_PER_DAY == 0)
        opens = np.array([close_ts_ms, self.after(close_ts_ms)]) - self.timeframe_ms
        today, following = days(local_ms(opens, self.timezone))
        return bool(today != following)

    @staticmethod
    def _session(hours: MarketHours, ts_ms: int, *, forward: bool) -> Span:
        """Return the session that begins at a moment or next after it; or, backwards, the last one that is over."""
        span = hours.at(ts_ms) if forward else hours.at(ts_ms - 1)
        while span.window is not Window.REGULAR:
            beyond_ms = span.end_ms if forward else span.start_ms
            if beyond_ms is None:
                break
            span = hours.at(beyond_ms if forward else beyond_ms - 1)
        return span

    def flags(self, close_ts_ms: int) -> int:
        """Return the flags of a row: whether it ends a day, and what its market's sessions give to it."""
        ends_day = BAR_ENDS_DAY if self.ends_day(close_ts_ms) else 0
        return ends_day | (0 if self.hours is None else self.hours.row_flags(close_ts_ms, self.timeframe_ms))


def hours_of(config: LiveRun) -> MarketHours | None:
    """Return the hours of a config's market, None for one that never closes."""
    calendar = config.session_calendar
    return None if calendar == ROUND_THE_CLOCK else MarketHours(calendar, config.sessions)


def closes_of(config: LiveRun) -> Closes:
    """Return when the rows of a config close."""
    return Closes(timeframe_ms(config.data.timeframe), config.market.timezone, hours_of(config))
