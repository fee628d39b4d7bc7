from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.domain.errors import RetryableError
from keel.wire.clock_sync import ClockSync
from keel.wire.practice_market import PracticeClock

ways = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=5, max_size=5)


class Clocks:
    """Be our clock, and an exchange whose clock is `ahead_ms` of it and whose answers take their time."""

    def __init__(self, ahead_ms: int, ways: list[tuple[int, int]]) -> None:
        self.ms = 1_700_000_000_000
        self.ahead_ms = ahead_ms
        self.ways = list(ways)
        self.asked = 0

    def now_ms(self) -> int:
        return self.ms

    def market_ms(self, offset_ms: float, /) -> int:
        return self.ms + int(offset_ms)

    def wall_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)

    async def ask(self) -> int:
        self.asked += 1
        there, back = self.ways[(self.asked - 1) % len(self.ways)]
        self.ms += there
        told = self.ms + self.ahead_ms
        await asyncio.sleep(0)
        self.ms += back
        return told


@given(st.integers(-100_000, 100_000), ways)
def test_offset_is_right_within_half_the_quickest_round_trip(ahead_ms, ways):
    clocks = Clocks(ahead_ms, ways)
    sync = ClockSync(clocks, clocks.ask)
    sample = asyncio.run(sync.refresh())
    quickest = min(there + back for there, back in ways)
    assert sample.round_trip_ms == pytest.approx(quickest, abs=0.01)
    assert abs(sample.offset_ms - ahead_ms) <= quickest / 2 + 0.01
    assert abs(sync.venue_ms() - (clocks.ms + ahead_ms)) <= quickest / 2 + 1


def test_many_who_ask_at_once_share_one_comparison():
    clocks = Clocks(50, [(1, 1)])
    sync = ClockSync(clocks, clocks.ask)

    async def scenario() -> None:
        await asyncio.gather(*(sync.refresh() for _ in range(10)))

    asyncio.run(scenario())
    assert clocks.asked == 5


def test_comparison_that_fails_leaves_the_last_one():
    clocks = Clocks(50, [(0, 0)])
    sync = ClockSync(clocks, clocks.ask)

    async def scenario() -> None:
        await sync.refresh()
        clocks.ways = []
        with pytest.raises(ZeroDivisionError):
            await sync.refresh()

    asyncio.run(scenario())
    assert sync.offset_ms == 50


def test_there_is_no_offset_before_the_first_comparison():
    async def never() -> int:
        raise RetryableError("no answer")

    sync = ClockSync(Clocks(0, [(0, 0)]), never)
    assert (sync.last, sync.offset_ms) == (None, 0.0)


def test_markets_time_is_by_the_exchanges_clock_and_as_told_where_the_market_is_not_by_our_clock():
    """A market in step stands still at a close: an offset of -1 ms would have its bar open for ever."""
    clocks, practice = Clocks(-40, [(1, 1)]), PracticeClock(lambda: 0.0)
    practice.follow(1_700_000_000_000, 0.0)
    for clock, wanted in ((clocks, 1_700_000_000_000 + 10 - 40), (practice, 1_700_000_000_000)):
        sync = ClockSync(clock, clocks.ask)
        asyncio.run(sync.refresh())
        sync._last = replace(sync.last, offset_ms=-40.0)
        assert sync.market_ms() == wanted
