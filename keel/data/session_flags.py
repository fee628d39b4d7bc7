"""Which rows lie in a regular session, which end one, and how far it is to its end (docs/execution.md, rule 29)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.data.calendars import Sessions
from keel.domain.layout import BAR_CLOSES_SESSION, BAR_EXTENDED, BAR_UNTIL_SHIFT, MOST_UNTIL_MINUTES
from keel.domain.timeframe import MS_PER_DAY, MS_PER_MINUTE

BETWEEN_SESSIONS: Final = BAR_EXTENDED | MOST_UNTIL_MINUTES << BAR_UNTIL_SHIFT
"""Flags of a row far from every session."""


def session_flags(closes: NDArray[np.int64], length_ms: int, known: Sessions) -> NDArray[np.int16]:
    """Return the flags that the sessions give to rows of one length that close then.

    A row of a day and longer is a session. A shorter one is of the session in which any part of it lies. The sessions
    must reach beyond the rows on both sides.
    """
    if length_ms >= MS_PER_DAY:
        return np.full(closes.shape, BAR_CLOSES_SESSION, np.int16)
    last = known.day.size - 1
    at = np.minimum(np.searchsorted(known.close_ts_ms, closes - length_ms, side="right"), last)
    extended = known.open_ts_ms[at] >= closes
    boundary = np.where(extended, known.open_ts_ms[at], known.close_ts_ms[at])
    minutes = np.clip((boundary - closes) // MS_PER_MINUTE, 0, MOST_UNTIL_MINUTES)
    ends = ~extended & (known.close_ts_ms[at] <= closes)
    flags = minutes << BAR_UNTIL_SHIFT | extended * BAR_EXTENDED | ends * BAR_CLOSES_SESSION
    return flags.astype(np.int16)
