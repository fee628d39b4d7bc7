from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_server import SYMBOL, WireServer, refuses, says, settings, stay, wire_server

from keel.data.sources.binance import BinanceFeed
from keel.data.sources.klines import NATIVE, base_timeframe
from keel.data.sources.longer_bars import LongerBars, whole_bars
from keel.domain.clock import WallClock
from keel.domain.errors import RetryableError, UsageError
from keel.domain.timeframe import timeframe_ms
from keel.domain.venue_messages import LiveBar, StreamState
from keel.wire.binance_link import BinanceLink

MINUTE_MS = 60_000
NOW_MS = time.time_ns() // 1_000_000
START_MS = NOW_MS // (30 * MINUTE_MS) * 30 * MINUTE_MS - 3000 * 30 * MINUTE_MS
KLINES = "/api/v3/klines"
LENGTHS = {"1m": MINUTE_MS, "5m": 5 * MINUTE_MS}


class Heard:
    def __init__(self) -> None:
        self.bars: list[LiveBar] = []
        self.states: list[StreamState] = []
        self.reasons: list[str] = []

    def on_bar(self, bar: LiveBar) -> None:
        self.bars.append(bar)

    def on_feed(self, state: StreamState, reason: str) -> None:
        self.states.append(state)
        self.reasons.append(reason)


def row(open_ms: int, length_ms: int = MINUTE_MS, price: float = 100.0) -> list[Any]:
    """Documented: the twelve elements of a kline on Binance's market data page."""
    text = f"{price:.2f}"
    return [open_ms, text, text, text, text, "2.0", open_ms + length_ms - 1, "200.0", 3, "1.0", "100.0", "0"]


def rows_asked(asked, length_ms: int = MINUTE_MS) -> list[list[Any]]:
    start, end, most = (int(asked.parameters[name]) for name in ("startTime", "endTime", "limit"))
    first = -(-start // length_ms) * length_ms
    return [row(open_ms, length_ms) for open_ms in range(first, end + 1, length_ms)][:most]


def kline(open_ms: int, *, closed: bool, price: float = 100.0, symbol: str = "BTCUSDT", length_ms: int = MINUTE_MS):
    text = f"{price:.2f}"
    prices = {"o": text, "c": text, "h": text, "l": text, "v": "2.0"}
    data = {"t": open_ms, "T": open_ms + length_ms - 1, "s": symbol, "i": "1m", "x": closed} | prices
    return {"stream": "btcusdt@kline_1m", "data": {"e": "kline", "E": open_ms, "s": symbol, "k": data}}


def pushing(*messages: object):
    async def script(socket) -> None:
        for message in messages:
            await socket.send_json(message)
        await stay(socket)

    return script


Scenario = Callable[[WireServer, BinanceFeed, Heard], Awaitable[Any]]


def with_feed(scenario: Scenario, *scripts, timeframe="1m", symbols=("BTC/USDT",), opens=True) -> Any:
    async def run() -> Any:
        async with wire_server() as server:
            server.markets.extend(scripts)
            server.always["GET", KLINES] = lambda asked: says(rows_asked(asked, LENGTHS[asked.parameters["interval"]]))(
                asked
            )
            link = BinanceLink(settings(server.address, key=None, secret=None), WallClock())
            feed, heard = BinanceFeed(link, symbols, timeframe, 5.0), Heard()
            try:
                if opens:
                    await feed.open(heard)
                return await scenario(server, feed, heard)
            finally:
                await feed.close()

    return asyncio.run(run())


async def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 5
    while not what():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


def test_open_and_closed_bars_are_passed_on_with_the_close_mended():
    async def scenario(server, feed, heard):
        await until(lambda: len(heard.bars) == 2)
        return heard, server.market_paths

    heard, paths = with_feed(scenario, pushing(kline(START_MS, closed=False), kline(START_MS, closed=True, price=101)))
    assert [bar.closed for bar in heard.bars] == [False, True]
    bar = heard.bars[1]
    assert (bar.symbol, bar.open_ts_ms, bar.close_ts_ms) == ("BTC/USDT", START_MS, START_MS + MINUTE_MS)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (101.0, 101.0, 101.0, 101.0, 2.0)
    assert paths == ["/stream?streams=btcusdt@kline_1m"]
    assert heard.states == [StreamState.UP]


def test_many_symbols_share_one_connection():
    two = [SYMBOL, SYMBOL | {"symbol": "ETHUSDT", "baseAsset": "ETH"}]
    messages = [kline(START_MS, closed=True), kline(START_MS, closed=True, symbol="ETHUSDT")]

    async def run():
        async with wire_server() as server:
            server.markets.append(pushing(*messages))
            server.always["GET", "/api/v3/exchangeInfo"] = says({"rateLimits": [], "symbols": two})
            link = BinanceLink(settings(server.address), WallClock())
            feed, heard = BinanceFeed(link, ("BTC/USDT", "ETH/USDT"), "1m", 5.0), Heard()
            try:
                await feed.open(heard)
                await until(lambda: len(heard.bars) == 2)
                return [bar.symbol for bar in heard.bars], server.market_paths
            finally:
                await feed.close()

    symbols, paths = asyncio.run(run())
    assert symbols == ["BTC/USDT", "ETH/USDT"]
    assert paths == ["/stream?streams=btcusdt@kline_1m/ethusdt@kline_1m"]


def test_bar_with_wrong_prices_is_passed_on_for_the_listener_to_judge():
    async def scenario(server, feed, heard):
        await until(lambda: len(heard.bars) == 1)
        return heard

    heard = with_feed(scenario, pushing(kline(START_MS, closed=True, price=float("nan"))))
    assert heard.bars[0].close != heard.bars[0].close
    assert heard.states == [StreamState.UP]


@pytest.mark.parametrize("broken", [{"x": "yes"}, {"t": None}, {"o": "much"}, {"T": START_MS + 2 * MINUTE_MS - 1}])
def test_bar_that_cannot_be_read_ends_the_connection_and_the_next_gives(broken):
    wrong = kline(START_MS, closed=True)
    wrong["data"]["k"] |= broken

    async def scenario(server, feed, heard):
        await until(lambda: heard.bars)
        return heard

    heard = with_feed(scenario, pushing(wrong), pushing(kline(START_MS, closed=True)))
    assert heard.states == [StreamState.UP, StreamState.DOWN, StreamState.UP]
    assert "cannot be read" in heard.reasons[1] or "not as long" in heard.reasons[1]


def test_history_is_read_page_by_page_and_ends_before_the_open_bar():
    async def scenario(server, feed, heard):
        bars = await feed.bars("BTC/USDT", NOW_MS - 2500 * MINUTE_MS, NOW_MS + 10 * MINUTE_MS)
        some = await feed.bars("BTC/USDT", START_MS, START_MS + 3 * MINUTE_MS)
        return bars, some, [asked.parameters["limit"] for asked in server.of("GET", KLINES)]

    bars, some, limits = with_feed(scenario)
    opens = [bar.open_ts_ms for bar in bars]
    assert opens == list(range(opens[0], opens[0] + len(opens) * MINUTE_MS, MINUTE_MS))
    assert 2499 <= len(bars) <= 2510  # the clock goes on while other tests run
    assert bars[-1].close_ts_ms <= time.time_ns() // 1_000_000
    assert all(bar.closed for bar in bars)
    assert [bar.open_ts_ms - START_MS for bar in some] == [0, MINUTE_MS, 2 * MINUTE_MS]
    assert set(limits) == {"1000"}


def test_bar_that_the_exchange_still_has_open_is_not_closed_by_our_clock_running_ahead():
    async def scenario(server, feed, heard):
        end_ms = (server.now_ms() // MINUTE_MS + 1) * MINUTE_MS
        return [
            bar.close_ts_ms <= server.now_ms() for bar in await feed.bars("BTC/USDT", end_ms - 5 * MINUTE_MS, end_ms)
        ]

    async def run():
        async with wire_server(skew_ms=-10 * MINUTE_MS) as server:
            server.always["GET", KLINES] = lambda asked: says(rows_asked(asked))(asked)
            feed = BinanceFeed(BinanceLink(settings(server.address), WallClock()), ("BTC/USDT",), "1m", 5.0)
            try:
                await feed.open(Heard())
                return await scenario(server, feed, None)
            finally:
                await feed.close()

    assert asyncio.run(run()) == [True] * 4


def test_timeframe_that_the_exchange_lacks_is_made_when_all_parts_have_come():
    """Ten minutes are two fives; the first of them closed before we were there."""
    five = 5 * MINUTE_MS
    frame = NOW_MS // (2 * five) * 2 * five

    messages = [kline(frame + five, closed=False, length_ms=five), kline(frame + five, closed=True, length_ms=five)]

    async def run():
        async with wire_server() as server:
            server.markets.append(pushing(*messages))
            server.always["GET", KLINES] = says([row(frame, five, price=90.0)])
            feed, heard = (
                BinanceFeed(BinanceLink(settings(server.address), AtMs(frame + five)), ("BTC/USDT",), "10m", 5.0),
                Heard(),
            )
            try:
                await feed.open(heard)
                await until(lambda: any(bar.closed for bar in heard.bars))
                return heard.bars, server.market_paths
            finally:
                await feed.close()

    bars, paths = asyncio.run(run())
    assert paths == ["/stream?streams=btcusdt@kline_5m"]
    assert [bar.closed for bar in bars][-1:] == [True]
    assert not any(bar.closed for bar in bars[:-1])
    bar = bars[-1]
    assert (bar.open_ts_ms, bar.close_ts_ms) == (frame, frame + 2 * five)
    assert (bar.open, bar.low, bar.high, bar.close, bar.volume) == (90.0, 90.0, 100.0, 100.0, 4.0)


class AtMs(WallClock):
    """Have the market stand at a time."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms


def test_history_of_such_a_timeframe_has_whole_bars_only():
    async def scenario(server, feed, heard):
        return await feed.bars("BTC/USDT", START_MS - 1, START_MS + 25 * MINUTE_MS)

    bars = with_feed(scenario, timeframe="10m")
    assert [(bar.open_ts_ms - START_MS) // MINUTE_MS for bar in bars] == [0, 10, 20]
    assert all(bar.volume == 4.0 and bar.closed for bar in bars)


def test_unknown_symbol_is_named():
    with pytest.raises(UsageError, match="NOPE/USDT"):
        with_feed(None, symbols=("NOPE/USDT",))


def test_exchange_that_gives_no_answer_is_told():
    async def scenario(server, feed, heard):
        server.always["GET", KLINES] = refuses(-1000, "An unknown error occurred.", 500)
        with pytest.raises(RetryableError):
            await feed.bars("BTC/USDT", START_MS, NOW_MS)
        server.always["GET", KLINES] = says([["x"]])
        with pytest.raises(RetryableError, match="cannot be read"):
            await feed.bars("BTC/USDT", START_MS, NOW_MS)

    with_feed(scenario)


def test_no_key_is_needed_and_nothing_signed_is_asked_for_bars():
    async def scenario(server, feed, heard):
        await feed.bars("BTC/USDT", START_MS, START_MS + MINUTE_MS)
        return server.asked

    asked = with_feed(scenario)
    assert {each.path for each in asked} == {"/api/v3/time", "/api/v3/exchangeInfo", KLINES}
    assert not any("signature" in each.parameters or "X-MBX-APIKEY" in each.request.headers for each in asked)


@pytest.mark.parametrize(
    ("timeframe", "base"),
    [
        ("1m", "1m"),
        ("10m", "5m"),
        ("45m", "15m"),
        ("3h", "1h"),
        ("3d", "1d"),
        ("2w", "1w"),
        ("7m", "1m"),
        ("36h", "12h"),
    ],
)
def test_longest_timeframe_that_fills_it_is_taken(timeframe, base):
    assert base_timeframe(timeframe) == base


def test_timeframe_of_the_exchanges_own_is_its_own_base():
    assert base_timeframe("7d") == base_timeframe("1w") == "1w"
    assert all(base_timeframe(native) == native for native in NATIVE)


bars_in_order = st.lists(st.tuples(st.floats(1, 1000), st.floats(0, 10)), min_size=6, max_size=24)


@given(bars_in_order, st.data())
def test_longer_bars_are_those_of_the_store_in_whatever_order_their_parts_come(found, data):
    parts = [
        LiveBar(
            "BTC/USDT", START_MS + i * MINUTE_MS, START_MS + (i + 1) * MINUTE_MS, p, p + 1, p - 0.5, p, v, closed=True
        )
        for i, (p, v) in enumerate(found)
    ]
    frames = [parts[i : i + 6] for i in range(0, len(parts), 6)]
    arriving = [part for frame in frames for part in data.draw(st.permutations(frame + frame[:1]))]
    longer = LongerBars("BTC/USDT", "1m", "6m")
    told = [bar for part in arriving for bar in longer.add(part) if bar.closed]
    assert told == whole_bars("BTC/USDT", "1m", "6m", parts)
    assert len(told) == len(parts) // 6


def test_longer_bar_with_a_part_missing_is_never_told_as_closed():
    longer = LongerBars("BTC/USDT", "1m", "3m")
    times = [START_MS + i * MINUTE_MS for i in (0, 2, 3, 4, 5)]
    told = [
        bar
        for at in times
        for bar in longer.add(LiveBar("BTC/USDT", at, at + MINUTE_MS, 1.0, 1.0, 1.0, 1.0, 1.0, closed=True))
        if bar.closed
    ]
    assert [bar.open_ts_ms for bar in told] == [START_MS + 3 * MINUTE_MS]


@given(st.integers(0, 10**12))
def test_weeks_begin_on_monday(ts_ms):
    frame = LongerBars("BTC/USDT", "1d", "1w").frame_ms(ts_ms)
    assert frame <= ts_ms < frame + timeframe_ms("1w")
    assert (frame // timeframe_ms("1d") + 3) % 7 == 0
