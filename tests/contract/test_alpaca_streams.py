"""Alpaca's streams, bars and file of assets, through the real SDK against the practice venue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest
from alpaca_rig import alpaca_rig
from practice_rig import MINUTE_MS, START_MS, WARM_UP, PracticeRig
from rig import SYMBOL, until

from keel.app.alpaca_probe import AlpacaProbe
from keel.data.sources.alpaca import AlpacaFeed
from keel.domain.errors import HaltTradingError, UsageError
from keel.domain.venue_messages import LiveBar, StreamState
from keel.wire.alpaca_link import AlpacaLink
from keel.wire.alpaca_streams import BarsConnection, TradesConnection
from keel.wire.rules_file import RulesFile, read_rules, write_rules
from keel.wire.supervisor import StreamRefusedError


@dataclass
class Listener:
    bars: list[LiveBar] = field(default_factory=list)
    states: list[tuple[StreamState, str]] = field(default_factory=list)

    def on_bar(self, bar: LiveBar) -> None:
        self.bars.append(bar)

    def on_feed(self, state: StreamState, reason: str) -> None:
        self.states.append((state, reason))


def on_practice(scenario: Callable[[PracticeRig], Awaitable[None]]) -> None:
    async def run() -> None:
        async with alpaca_rig() as rig:
            await scenario(rig)

    asyncio.run(run())


def test_bars_come_closed_once_each_and_are_those_that_are_asked_for():
    async def scenario(rig):
        feed, heard = AlpacaFeed(rig.link, [SYMBOL], "1m", 30.0), Listener()
        await feed.open(heard)
        try:
            assert heard.states == [(StreamState.UP, "connected")]
            await rig.pass_bars()
            await rig.pass_bars()
            await until(lambda: len(heard.bars) >= 2)
            asked = await feed.bars(SYMBOL, START_MS, rig.clock.stands_ms)
            assert [bar.open_ts_ms for bar in asked] == list(range(START_MS, rig.clock.stands_ms, MINUTE_MS))
            assert heard.bars == list(asked[WARM_UP:])
            assert list(await feed.bars(SYMBOL, START_MS, START_MS)) == []
        finally:
            await feed.close()

    on_practice(scenario)


def test_longer_bars_are_asked_for_and_a_timeframe_that_alpaca_lacks_is_refused():
    async def scenario(rig):
        feed = AlpacaFeed(rig.link, [SYMBOL], "3m", 30.0)
        found = await feed.bars(SYMBOL, START_MS, START_MS + WARM_UP * MINUTE_MS)
        assert {bar.close_ts_ms - bar.open_ts_ms for bar in found} <= {3 * MINUTE_MS}
        with pytest.raises(UsageError, match="1d: Alpaca's live bars are of 1m, 3m"):
            AlpacaFeed(rig.link, [SYMBOL], "1d", 30.0)

    on_practice(scenario)


def test_second_connection_is_refused_aloud_and_a_wrong_key_shuts_us_out():
    """Row 35, and the codes that the SDK throws away."""

    async def scenario(rig):
        feed = AlpacaFeed(rig.link, [SYMBOL], "1m", 30.0)
        await feed.open(Listener())
        second, wrong = BarsConnection(rig.link, "crypto", [SYMBOL]), {"secret": "wrong"}
        shut_out = AlpacaLink(replace(rig.link.settings, **wrong), rig.clock)
        strangers = [BarsConnection(shut_out, "stocks", ["AAPL"]), TradesConnection(shut_out)]
        try:
            with pytest.raises(StreamRefusedError, match="406 connection limit exceeded"):
                await second.open()
            for stranger in strangers:
                with pytest.raises(HaltTradingError, match="Alpaca shuts us out"):
                    await stranger.open()
        finally:
            for connection in (second, *strangers):
                await connection.close()
            await feed.close()

    on_practice(scenario)


def test_quiet_streams_show_that_they_are_alive():
    async def scenario(rig):
        feed = AlpacaFeed(rig.link, [SYMBOL], "1m", 30.0)
        await feed.open(Listener())
        try:
            for stream in (rig.venue._stream, feed._streams["crypto"]):
                (connection,) = stream._open
                assert await connection.probe()
        finally:
            await feed.close()

    on_practice(scenario)


def test_doctor_is_told_time_key_rules_bars_and_holdings():
    async def scenario(rig):
        probe = AlpacaProbe(rig.link)
        assert (await probe.time()).round_trip_ms > 0
        key = await probe.key()
        assert (key.can_trade, key.can_withdraw) == (True, False)
        assert list(await probe.rules([SYMBOL, "NOPE"])) == [SYMBOL]
        assert (await probe.fees()).taker_bps == 25
        assert (await probe.holdings()).balances["BTC"].total == 10
        assert len(await probe.last_bars(SYMBOL, "1m")) == WARM_UP

    on_practice(scenario)


def test_file_of_assets_is_read_back_and_a_file_of_another_venue_is_refused(tmp_path):
    async def scenario(rig):
        path = tmp_path / "alpaca_symbols.json"
        file = RulesFile("practice", "127.0.0.1", 1, await rig.venue.rules(), "alpaca")
        write_rules(path, file)
        assert read_rules(path, "alpaca") == file
        (told,) = json.loads(path.read_text())["rules"]
        assert {"tradable", "shortable", "easy_to_borrow", "fractionable", "exchange", "min_qty"} <= set(told)
        with pytest.raises(UsageError, match="no file of Binance's trading rules"):
            read_rules(path)

    on_practice(scenario)
