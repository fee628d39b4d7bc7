"""The bars a trading calendar expects, counted from its first: which are missing, and when they open and close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keel.data.quality.known_sessions import known_sessions
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK, timeframe_ms

_Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TradingGrid:
    """Lay bars of `step_ms` over sessions: one from the session's open, then one each step, the last to its close.

    `lead_ms` is from a session's open to its second bar: a step, or less where bars begin on the clock's hours (09:30,
    10:00, 11:00). `counts` is the number of bars before each session. Round the clock is one session without an end.
    """

    opens: _Ints
    closes: _Ints
    lead_ms: int
    step_ms: int
    counts: _Ints

    def index(self, ts_ms: _Ints) -> _Ints:
        """Return how many expected bars open before each time."""
        session = np.minimum(np.searchsorted(self.closes, ts_ms, side="right"), self.closes.size - 1)
        inside = np.minimum(ts_ms, self.closes[session]) - self.opens[session]
        return self.counts[session] + _bars_before(inside, self.lead_ms, self.step_ms)

    def bars(self, index: _Ints) -> tuple[_Ints, _Ints]:
        """Return open and close of the expected bars with these numbers, from 0."""
        session = np.searchsorted(self.counts, index, side="right") - 1
        number = index - self.counts[session]
        ends = self.opens[session] + self.lead_ms + number * self.step_ms
        opens = np.where(number == 0, self.opens[session], ends - self.step_ms)
        return opens, np.minimum(ends, self.closes[session])

    def is_closed(self, opens: _Ints, closes: _Ints) -> NDArray[np.bool_]:
        """Say which bars lie wholly outside the sessions."""
        session = np.minimum(np.searchsorted(self.closes, opens, side="right"), self.closes.size - 1)
        return (closes <= self.opens[session]) | (opens >= self.closes[session])


def trading_grid(timeframe: str, calendar: str, opens: _Ints, until_ms: int | None = None) -> TradingGrid:
    """Return the grid on which bars with these opens, sorted, at least one, should lie; to `until_ms` at least.

    Raises DataError for a calendar exchange_calendars lacks, or years it does not cover.
    """
    step, last = timeframe_ms(timeframe), max(int(opens[-1]), until_ms or 0)
    if calendar == ROUND_THE_CLOCK:
        anchor = np.array([int(opens[0]) % step])
        return TradingGrid(anchor, np.array([np.iinfo(np.int64).max]), step, step, np.zeros(1, np.int64))
    known = known_sessions(calendar, int(opens[0]) // MS_PER_DAY - 1, last // MS_PER_DAY + 1)
    lead = _lead(opens, known.open_ts_ms, step)
    lengths = known.close_ts_ms - known.open_ts_ms
    counts = np.concatenate([[0], np.cumsum(_bars_before(lengths, lead, step))[:-1]]).astype(np.int64)
    return TradingGrid(known.open_ts_ms, known.close_ts_ms, lead, step, counts)


def _bars_before(since_open: _Ints, lead: int, step: int) -> _Ints:
    later = np.maximum(-((lead - since_open) // step), 0)  # the bars that open at lead, lead + step, ...
    return np.where(since_open > 0, 1 + later, 0)


def _lead(opens: _Ints, session_opens: _Ints, step: int) -> int:
    """Return where after a session's open most bars begin, modulo a step; a step where no bar tells."""
    session = np.searchsorted(session_opens, opens, side="right") - 1
    since = opens - session_opens[np.maximum(session, 0)]
    later = since[(since > 0) & (session >= 0) & (since < MS_PER_DAY)]
    if later.size == 0 or step >= MS_PER_DAY:
        return step
    offsets, counts = np.unique(later % step, return_counts=True)
    return int(offsets[counts.argmax()]) or step
