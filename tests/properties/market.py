"""What the bars alone say: values, volatility, hours, and the walk through a bar (rules 4, 9, 11 and 27)."""

from __future__ import annotations

import functools
import math
import operator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from parity.case import Action, Bar, Case

from keel.domain.orders import ActionKind


def fraction(bar: Bar, ts_ms: int) -> float:
    """Return the part of a bar that has passed."""
    return (ts_ms - bar.open_ts_ms) / (bar.close_ts_ms - bar.open_ts_ms)


def corners(bar: Bar) -> list[tuple[float, float]]:
    """Return (distance, price) at the corners of the walk open, nearer extreme, other extreme, close."""
    high_first = bar.high - bar.open < bar.open - bar.low
    first, second = (bar.high, bar.low) if high_first else (bar.low, bar.high)
    way, found = 0.0, [(0.0, bar.open)]
    for a, b in ((bar.open, first), (first, second), (second, bar.close)):
        way += abs(b - a)
        found.append((way, b))
    return found


def price_at(bar: Bar, ts_ms: int) -> float:
    """Return the price at which the walk stands."""
    points = corners(bar)
    at = fraction(bar, ts_ms) * points[-1][0]
    for (xa, a), (xb, b) in pairwise(points):
        if at <= xb and xb > xa:
            return a + (b - a) * (at - xa) / (xb - xa)
    return points[-1][1] if points[-1][0] > 0 else bar.open


def still_to_come(bar: Bar, ts_ms: int) -> list[float]:
    """Return the prices between which the walk stays from a time on."""
    at = fraction(bar, ts_ms) * corners(bar)[-1][0]
    return [price_at(bar, ts_ms), *(price for way, price in corners(bar) if way > at), bar.close]


@dataclass
class Volatility:
    """Hold the two variances of an instrument's returns after a row."""

    short: float
    long: float

    @property
    def factor(self) -> float:
        if self.long <= 0:
            return 1.0
        return min(max(math.sqrt(self.short / self.long), 0.5), 3.0)


@dataclass(frozen=True)
class Market:
    """Hold a case's bars and rates, and what follows from them."""

    case: Case

    def rate_inside(self, row: int, instrument: int) -> float:
        """Return the rate that holds inside a row: that of the row before (rule 27)."""
        return self.rate(max(row - 1, 0), instrument)

    def rate(self, row: int, instrument: int) -> float:
        rates = self.case.rows[row].rates
        return rates[instrument] if rates else 1.0

    @cached_property
    def marks(self) -> list[list[float]]:
        """Return each instrument's last close after each row, 0 before its first bar."""
        found, last = [], [0.0] * len(self.case.instruments)
        for row in self.case.rows:
            last = [mark if bar is None else bar.close for mark, bar in zip(last, row.bars, strict=True)]
            found.append(last)
        return found

    def value(self, row: int, instrument: int) -> float:
        """Return what a unit is worth to the account after a row, 0 before the first."""
        return self.marks[row][instrument] * self.rate(row, instrument) if row >= 0 else 0.0

    def newest_bar(self, row: int, instrument: int) -> Bar | None:
        return next((bar for r in range(row, -1, -1) if (bar := self.case.rows[r].bars[instrument])), None)

    def hour(self, row: int, instrument: int, ts_ms: int) -> int:
        """Return the hour of the week, 0 to 167, read off the newest bar."""
        bar = self.newest_bar(row, instrument)
        assert bar is not None
        minute_ms = 60_000
        return (bar.minute_of_week * minute_ms + bar.open_ts_ms % minute_ms + ts_ms - bar.open_ts_ms) // 3_600_000 % 168

    @cached_property
    def corporate(self) -> list[list[list[Action]]]:
        """Return the splits and dividends of each row and instrument, in the order in which they are applied."""
        first, n = self.case.rows[0].close_ts_ms, len(self.case.instruments)
        left = [
            sorted(
                (a for a in rules.actions if a.kind != ActionKind.FUNDING and a.ts_ms >= first),
                key=lambda a: (a.ts_ms, a.kind),
            )
            for rules in self.case.instruments
        ]
        found = []
        for row in self.case.rows:
            due: list[list[Action]] = [[] for _ in range(n)]
            for i, bar in enumerate(row.bars):
                while bar is not None and left[i] and left[i][0].ts_ms <= bar.open_ts_ms:
                    due[i].append(left[i].pop(0))
            found.append(due)
        return found

    def ratio(self, row: int, instrument: int) -> float:
        """Return into how many units a row's splits turn one."""
        return math.prod(a.value for a in self.corporate[row][instrument] if a.kind == ActionKind.SPLIT)

    def mark_in_new_units(self, row: int, instrument: int) -> float:
        """Return the last close before a row, divided by each of the row's splits in turn, as each is applied."""
        splits = [a.value for a in self.corporate[row][instrument] if a.kind == ActionKind.SPLIT]
        return functools.reduce(operator.truediv, splits, self.marks[row - 1][instrument])

    @cached_property
    def volatility(self) -> list[list[Volatility]]:
        """Return each instrument's variances after each row (rule 11)."""
        n = len(self.case.instruments)
        short, long = [0.0] * n, [0.0] * n
        bars, found = [0] * n, []
        for k, row in enumerate(self.case.rows):
            for i, bar in enumerate(row.bars):
                if bar is None:
                    continue
                bars[i] += 1
                if bars[i] > 1:
                    square = (bar.close / self.mark_in_new_units(k, i) - 1) ** 2
                    fresh = bars[i] == 2
                    short[i] = square if fresh else _blend(short[i], square, self.case.vol_short_bars)
                    long[i] = square if fresh else _blend(long[i], square, self.case.vol_long_bars)
            found.append([Volatility(s, v) for s, v in zip(short, long, strict=True)])
        return found

    def volatility_before(self, row: int, instrument: int) -> Volatility:
        """Return what was known at the close before a row."""
        return self.volatility[row - 1][instrument] if row > 0 else Volatility(0.0, 0.0)

    @cached_property
    def bar_counts(self) -> list[list[int]]:
        """Return how many bars each instrument has had up to and with each row."""
        found, counts = [], [0] * len(self.case.instruments)
        for row in self.case.rows:
            counts = [n + (bar is not None) for n, bar in zip(counts, row.bars, strict=True)]
            found.append(counts)
        return found


def _blend(before: float, now: float, bars: int) -> float:
    return before + 2 / (bars + 1) * (now - before)
