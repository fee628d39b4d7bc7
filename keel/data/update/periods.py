"""The days or months whose file an update job still needs: those over, of which the store has no bar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from keel.config.update import UpdateJob
from keel.data.calendars import sessions
from keel.data.store import BarStore
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Period:
    """Hold what stands in the address, `2024-01-31` or `2024-01`; and whether its file may not be out yet."""

    text: str
    awaited: bool


def needed_periods(job: UpdateJob, store: BarStore, symbol: str, today: date) -> list[Period]:
    """Return the periods from the job's start to the last that is over before `today` (UTC), oldest first.

    Left out are days that are no session, what the job skips, and every period of which any bar is stored: a hole is
    asked for again, run by run, until the file comes.
    """
    name = InstrumentId(job.venue, symbol)
    closes = store.open(name, job.timeframe).closes() if store.exists(name, job.timeframe) else np.zeros(0, np.int64)
    skipped = {_text(job, moment.date()) for moment in job.skip}
    needed = []
    for first, after in _spans(job, today):
        text, bounds = _text(job, first), [(day - _EPOCH).days * MS_PER_DAY for day in (first, after)]
        # a bar belongs to the day it opens in, so it closes after that day has begun
        stored = np.searchsorted(closes, bounds[0], side="right") < np.searchsorted(closes, bounds[1], side="right")
        if not stored and text not in skipped:
            needed.append(Period(text, awaited=today <= after + timedelta(days=job.awaited_days)))
    return needed


def _spans(job: UpdateJob, today: date) -> Iterator[tuple[date, date]]:
    """Yield the first day and the day after the last of each period that is over."""
    if job.start is None:
        return
    first = job.start.date()
    if job.period == "month":
        yield from _months(first.replace(day=1), today)
        return
    days = (first + timedelta(days=number) for number in range((today - first).days))
    if job.trading_calendar == ROUND_THE_CLOCK:
        yield from ((day, day + timedelta(days=1)) for day in days)
        return
    known = sessions(job.trading_calendar, (first - _EPOCH).days, (today - _EPOCH).days)
    open_days = set(known.day.tolist())
    yield from ((day, day + timedelta(days=1)) for day in days if (day - _EPOCH).days in open_days)


def _months(first: date, today: date) -> Iterator[tuple[date, date]]:
    while (after := (first + timedelta(days=32)).replace(day=1)) <= today:
        yield first, after
        first = after


def _text(job: UpdateJob, day: date) -> str:
    return day.isoformat() if job.period == "date" else day.isoformat()[:7]
