"""Closed bars into rows, each once and in order: what is late, double, out of order or not to be believed stops here.

A row is one close with each instrument's bar or none (docs/execution.md, rule 2). The first closed bar wins; a revision
is told and never traded. A price that cannot be, or that jumps too far, is refused until it is confirmed by query.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from keel.data.market_hours import MarketHours
from keel.data.zone import days, local_ms, minutes_of_week
from keel.domain.layout import BAR, BAR_PRESENT
from keel.domain.venue_messages import LiveBar
from keel.live.closes import Closes
from keel.sim.room import Records

_FIELDS: Final = ("open", "high", "low", "close", "volume", "open_ts_ms", "close_ts_ms")


def _never_splits(_symbol: str, _after_ms: int, _until_ms: int) -> float:
    """Return 1: a unit stays what it is."""
    return 1.0


@dataclass(frozen=True)
class Row:
    """Hold one close: `bars` is BAR (N,), `seen` the bars it was made of, `doubted` symbols whose price jumped."""

    close_ts_ms: int
    bars: Records
    seen: tuple[LiveBar, ...]
    missing: tuple[str, ...]
    doubted: tuple[str, ...] = ()


class BarGate:
    """Take bars as they come and give rows of N symbols, from the one after `begin_after` on.

    `hours` are those of a market that closes: there is no row while it does.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        timeframe_ms: int,
        max_jump: float,
        timezone: str = "UTC",
        hours: MarketHours | None = None,
    ) -> None:
        self._places = {symbol: i for i, symbol in enumerate(symbols)}
        self._max_jump = max_jump
        self.closes = Closes(timeframe_ms, timezone, hours)
        self._last_close_ts_ms = 0
        self.ratio_between: Callable[[str, int, int], float] = _never_splits
        """Gives the units that one unit of a symbol has become between two times."""
        self._last_price: dict[str, float] = {}
        self._priced_ms: dict[str, int] = {}
        self._newest: dict[str, LiveBar] = {}
        self._waiting: dict[int, dict[str, LiveBar]] = {}
        self._doubted: dict[int, set[str]] = {}

    @property
    def last_close_ts_ms(self) -> int:
        """Return the close of the row before the next."""
        return self._last_close_ts_ms

    @property
    def next_close_ts_ms(self) -> int:
        """Return the close of the next row."""
        return self.closes.after(self._last_close_ts_ms)

    @property
    def newest_close_ts_ms(self) -> int | None:
        """Return the latest close that any bar waits for, or None if none waits."""
        return max(self._waiting, default=None)

    def begin_after(self, close_ts_ms: int) -> None:
        """Begin with the row after the one that closed then."""
        self._last_close_ts_ms = close_ts_ms

    def take(self, bar: LiveBar, *, confirmed: bool = False) -> str | None:
        """Take a bar; return why it was not taken, None if it was or is merely still open.

        `confirmed` is one that was asked for: a jump is believed then, though its row is marked.
        """
        if bar.symbol not in self._places or not bar.closed:
            return None
        wrong = self._fault(bar)
        if wrong is not None:
            return wrong
        if bar.close_ts_ms <= self._last_close_ts_ms:
            return self._revision(bar)
        if self._jumps(bar):
            if not confirmed:
                return f"{bar.symbol} jumps from {self._price_before(bar):g} to {bar.close:g} in one bar"
            self._doubted.setdefault(bar.close_ts_ms, set()).add(bar.symbol)
        first = self._waiting.setdefault(bar.close_ts_ms, {}).setdefault(bar.symbol, bar)
        return None if first == bar else f"{bar.symbol} has a second bar for the same close: the first one counts"

    def note_price(self, symbol: str, close: float, ts_ms: int) -> None:
        """Note the last price before the first row, in the units of a time, which jumps are measured from."""
        self._last_price[symbol], self._priced_ms[symbol] = close, ts_ms

    def is_complete(self) -> bool:
        """Say whether every symbol's bar of the next row has come."""
        return len(self._waiting.get(self.next_close_ts_ms, ())) == len(self._places)

    def missing(self) -> tuple[str, ...]:
        """Return the symbols whose bar of the next row has not come."""
        there = self._waiting.get(self.next_close_ts_ms, {})
        return tuple(symbol for symbol in self._places if symbol not in there)

    def pop(self) -> Row | None:
        """Return the next row with the bars there are; None, and the close is skipped, where there are none."""
        close_ts_ms = self.next_close_ts_ms
        missing = self.missing()
        there = self._waiting.pop(close_ts_ms, {})
        doubted = tuple(sorted(self._doubted.pop(close_ts_ms, set())))
        self._last_close_ts_ms = close_ts_ms
        if not there:
            return None
        for symbol, bar in there.items():
            self._last_price[symbol], self._priced_ms[symbol] = bar.close, bar.close_ts_ms
            self._newest[symbol] = bar
        seen = tuple(there[symbol] for symbol in self._places if symbol in there)
        bars = bar_records(seen, tuple(self._places), close_ts_ms, self.closes)
        return Row(close_ts_ms, bars, seen, missing, doubted)

    def _fault(self, bar: LiveBar) -> str | None:
        prices = (bar.open, bar.high, bar.low, bar.close)
        if not all(math.isfinite(price) and price > 0.0 for price in prices):
            return f"{bar.symbol} has a price that cannot be: {prices}"
        if not (math.isfinite(bar.volume) and bar.volume >= 0.0):
            return f"{bar.symbol} has a volume that cannot be: {bar.volume}"
        if bar.high < max(bar.open, bar.close, bar.low) or bar.low > min(bar.open, bar.close):
            return f"{bar.symbol} has a high or low that its other prices contradict: {prices}"
        if not self.closes.fits(bar.open_ts_ms, bar.close_ts_ms, self._last_close_ts_ms):
            return f"{bar.symbol} has a bar from {bar.open_ts_ms} to {bar.close_ts_ms}: no such close is due"
        return None

    def _revision(self, bar: LiveBar) -> str | None:
        known = self._newest.get(bar.symbol)
        if known is None or known.close_ts_ms != bar.close_ts_ms or known == bar:
            return None
        return f"{bar.symbol} was revised after its close at {bar.close_ts_ms}: the first bar counts"

    def _jumps(self, bar: LiveBar) -> bool:
        return bar.symbol in self._last_price and abs(bar.close / self._price_before(bar) - 1.0) > self._max_jump

    def _price_before(self, bar: LiveBar) -> float:
        """Return the price before a bar, in its units."""
        ratio = self.ratio_between(bar.symbol, self._priced_ms[bar.symbol], bar.open_ts_ms)
        return self._last_price[bar.symbol] / ratio


def bar_records(seen: Iterable[LiveBar], symbols: Sequence[str], close_ts_ms: int, closes: Closes) -> Records:
    """Return BAR (N,) of one close; an instrument without a bar is as `keel.data.align` leaves it."""
    bars = np.zeros(len(symbols), BAR)
    there = {bar.symbol: bar for bar in seen}
    flags = closes.flags(close_ts_ms)
    for record, symbol in zip(bars, symbols, strict=True):
        bar = there.get(symbol)
        if bar is None:
            for name in ("open", "high", "low", "close"):
                record[name] = np.nan
            record["open_ts_ms"], record["close_ts_ms"], record["flags"] = close_ts_ms - 1, close_ts_ms, flags
        else:
            for name in _FIELDS:
                record[name] = getattr(bar, name)
            record["flags"] = BAR_PRESENT | flags
    local = local_ms(bars["open_ts_ms"], closes.timezone)
    bars["day"], bars["minute_of_week"] = days(local), minutes_of_week(local)
    return bars
