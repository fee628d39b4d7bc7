"""When the stock market is open, by its calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from keel.data.calendars import sessions
from keel.domain.timeframe import MS_PER_DAY, MS_PER_MINUTE, ROUND_THE_CLOCK

STOCKS: Final = "XNYS"
"""The calendar that the clock is of where only coins are traded, which have none."""
_EARLY: Final = 4
_LATE, _LATE_OF_HALF_DAYS = 20, 17
"""Hours of the day, in the exchange's zone, between which stocks are traded around a session."""
_HALF_DAY_MS: Final = 300 * MS_PER_MINUTE
"""A session that is no longer is a half day."""
_DAYS_AROUND: Final = 15
"""Days before and after the bars whose sessions are known, at least."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Session:
    """Hold one session; times are UTC milliseconds, `day` counts days since 1970-01-01."""

    day: int
    open_ts_ms: int
    close_ts_ms: int


class Hours:
    """Hold the sessions of a calendar around the time of some bars."""

    def __init__(self, calendar: str, first_ms: int, last_ms: int) -> None:
        name = STOCKS if calendar == ROUND_THE_CLOCK else calendar
        days = first_ms // MS_PER_DAY - _DAYS_AROUND, last_ms // MS_PER_DAY + _DAYS_AROUND
        self._known = sessions(name, *days)
        self.zone = ZoneInfo(self._known.timezone)

    def session_at(self, ts_ms: int) -> Session:
        """Return the session that a moment lies in, or the next one; the last that is known after that."""
        at = int(np.searchsorted(self._known.close_ts_ms, ts_ms, side="right"))
        return self._session(min(at, self._known.day.size - 1))

    def is_open(self, ts_ms: int) -> bool:
        """Say whether stocks are traded at a moment."""
        session = self.session_at(ts_ms)
        return session.open_ts_ms <= ts_ms < session.close_ts_ms

    def session_on(self, ts_ms: int) -> Session | None:
        """Return the session of the day, in the exchange's zone, that a moment lies in; None on a day without one."""
        day = (self.local(ts_ms).date() - _EPOCH.date()).days
        return next(iter(self.between(day, day)), None)

    def is_extended(self, ts_ms: int) -> bool:
        """Say whether stocks are traded at a moment, in the session or in the hours before and after it."""
        today = self.session_on(ts_ms)
        if today is None:
            return False
        return self._at_hour(today, _EARLY) <= ts_ms < self._at_hour(today, self._late(today))

    def next_early_ms(self, ts_ms: int) -> int:
        """Return when the hours before a session begin next, after a moment."""
        opens = self.next_open_ms(ts_ms)
        early = self._at_hour(self.session_at(opens), _EARLY)
        return early if early > ts_ms else self._at_hour(self.session_at(self.next_open_ms(opens)), _EARLY)

    def next_open_ms(self, ts_ms: int) -> int:
        """Return when a session opens next, after a moment."""
        at = int(np.searchsorted(self._known.open_ts_ms, ts_ms, side="right"))
        return int(self._known.open_ts_ms[min(at, self._known.day.size - 1)])

    def between(self, first_day: int, last_day: int) -> list[Session]:
        """Return the sessions of some days, both included."""
        first = int(np.searchsorted(self._known.day, first_day, side="left"))
        last = int(np.searchsorted(self._known.day, last_day, side="right"))
        return [self._session(at) for at in range(first, last)]

    @staticmethod
    def day_end_ms(ts_ms: int) -> int:
        """Return the end of the UTC day that a moment lies in: the day of coins."""
        return (ts_ms // MS_PER_DAY + 1) * MS_PER_DAY

    def local(self, ts_ms: int) -> datetime:
        """Return a moment in the exchange's zone."""
        return (_EPOCH + timedelta(milliseconds=ts_ms)).astimezone(self.zone)

    def minute_of_day(self, ts_ms: int) -> float:
        """Return how many minutes of the day have passed in the exchange's zone."""
        local = self.local(ts_ms)
        return local.hour * 60 + local.minute + local.second / 60

    def told(self, session: Session) -> dict[str, Any]:
        """Return a session as the calendar tells it."""
        opened, closed = self.local(session.open_ts_ms), self.local(session.close_ts_ms)
        return {
            "date": f"{opened:%Y-%m-%d}",
            "open": f"{opened:%H:%M}",
            "close": f"{closed:%H:%M}",
            "session_open": f"{_EARLY:02}00",
            "session_close": f"{self._late(session)}00",
        }

    @staticmethod
    def _late(session: Session) -> int:
        """Return the hour at which trading ends on the day of a session: earlier where that is a half day."""
        return _LATE if session.close_ts_ms - session.open_ts_ms > _HALF_DAY_MS else _LATE_OF_HALF_DAYS

    def _at_hour(self, session: Session, hour: int) -> int:
        local = self.local(session.open_ts_ms).replace(hour=hour, minute=0, second=0, microsecond=0)
        return round(local.timestamp() * 1000)

    def _session(self, at: int) -> Session:
        known = self._known
        return Session(int(known.day[at]), int(known.open_ts_ms[at]), int(known.close_ts_ms[at]))
