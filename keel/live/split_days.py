"""The splits that are known, the days they hold from, and prices of before them in the units of after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from keel.data.feed import BarFeed, FeedListener
from keel.data.market_hours import MarketHours
from keel.domain.clock import Clock
from keel.domain.holder_messages import AccountActivity, HolderNews, Split
from keel.domain.sessions import Window
from keel.domain.venue_messages import LiveBar

_DAY_ONE: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - of whatever zone
_MOST_WINDOWS: Final = 40
"""Windows looked at for the next session: more than those of the longest closing there was."""


@dataclass
class SplitDays:
    """Hold the splits of some symbols, in a market's zone; `hours` are those of a market that closes."""

    news: HolderNews
    symbols: tuple[str, ...]
    timezone: str
    hours: MarketHours | None = None
    _known: dict[tuple[str, int], Split] = field(default_factory=dict)
    _read_from: int | None = None
    _read_to: int = 0

    def known(self) -> list[Split]:
        """Return the splits that are known, the earliest first."""
        return sorted(self._known.values(), key=lambda split: (split.day, split.symbol))

    def add(self, split: Split) -> None:
        """Know a split that nobody has announced."""
        self._known[split.symbol, split.day] = split

    async def read(self, first_day: int, last_day: int) -> None:
        """Ask for the splits of some days, both included, and of those between them and the ones known already."""
        if self._read_from is not None:
            first_day, last_day = min(first_day, self._read_from), max(last_day, self._read_to)
        for split in await self.news.splits(self.symbols, first_day, last_day):
            self._known[split.symbol, split.day] = split
        self._read_from, self._read_to = first_day, last_day

    async def cover(self, first_ms: int, now_ms: int) -> None:
        """Have the splits since a time at hand. Raises as questions do."""
        first_day, today = self.day_of(first_ms), self.day_of(now_ms)
        if self._read_from is None or first_day < self._read_from:
            await self.read(first_day, today)

    def day_of(self, ts_ms: int) -> int:
        """Return the market's day that a moment is in, since 1970-01-01."""
        local = datetime.fromtimestamp(ts_ms / 1000, UTC).astimezone(ZoneInfo(self.timezone))
        return (local.replace(tzinfo=None) - _DAY_ONE).days

    def start_ms(self, split: Split) -> int:
        """Return when a split begins to hold: at the midnight its day begins with."""
        midnight = (_DAY_ONE + timedelta(days=split.day)).replace(tzinfo=ZoneInfo(self.timezone))
        return round(midnight.timestamp() * 1000)

    def is_open(self, ts_ms: int) -> bool:
        """Say whether the regular session is on at a moment."""
        return self.hours is None or self.hours.at(ts_ms).window is Window.REGULAR

    def is_next(self, split: Split, close_ts_ms: int) -> bool:
        """Say whether no regular session is left between a close and a split."""
        start_ms = self.start_ms(split)
        if self.hours is None or not close_ts_ms:
            return False
        at_ms: int | None = close_ts_ms
        for _ in range(_MOST_WINDOWS):
            if at_ms is None or at_ms >= start_ms:
                return True
            span = self.hours.at(at_ms)
            if span.window is Window.REGULAR:
                return False
            at_ms = span.end_ms
        return True

    def ratio_between(self, symbol: str, after_ms: int, until_ms: int) -> float:
        """Return the units that one unit of `after_ms` is at `until_ms`."""
        ratio = 1.0
        for split in self._known.values():
            if split.symbol == symbol and after_ms < self.start_ms(split) <= until_ms:
                ratio *= split.ratio
        return ratio

    def in_units_of(self, bar: LiveBar, now_ms: int) -> LiveBar:
        """Return a bar in the units of now."""
        ratio = self.ratio_between(bar.symbol, bar.open_ts_ms, now_ms)
        if ratio == 1.0:
            return bar
        return replace(
            bar,
            open=bar.open / ratio,
            high=bar.high / ratio,
            low=bar.low / ratio,
            close=bar.close / ratio,
            volume=bar.volume * ratio,
        )


@dataclass
class SplitFeed:
    """Be a BarFeed whose bars of before a split, asked for after it, are in the units of after it."""

    feed: BarFeed
    days: SplitDays
    clock: Clock

    async def prepare(self) -> None:
        """Make ready to be asked for bars."""
        await self.feed.prepare()

    async def open(self, listener: FeedListener) -> None:
        """Connect and begin to hear bars."""
        await self.feed.open(listener)

    async def close(self) -> None:
        """Let go of every connection."""
        await self.feed.close()

    async def bars(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[LiveBar]:
        """Return closed bars, as the feed has them but for their units."""
        now_ms = self.clock.now_ms()
        await self.days.cover(start_ms, now_ms)
        return [self.days.in_units_of(bar, now_ms) for bar in await self.feed.bars(symbol, start_ms, end_ms)]


@dataclass
class SplitsOnly:
    """Be the HolderNews of an account that is simulated: what a real one was booked is not its own."""

    news: HolderNews

    async def splits(self, symbols: Sequence[str], first_day: int, last_day: int) -> Sequence[Split]:
        """Return the splits of some symbols on some days."""
        return await self.news.splits(symbols, first_day, last_day)

    async def activities(self, first_day: int) -> Sequence[AccountActivity]:  # noqa: ARG002 - the port's terms
        """Return nothing."""
        return ()
