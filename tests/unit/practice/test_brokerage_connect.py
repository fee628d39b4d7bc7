"""The real alpaca-py connects to a practice venue that speaks its wire, asks what it asks, and is refused."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.requests import (
    CryptoBarsRequest,
    CryptoLatestQuoteRequest,
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import GetCalendarRequest
from made_brokerage import COIN, STOCK, WARM_UP, heard, made_config, running

MIDNIGHT = datetime(2024, 7, 2, tzinfo=UTC)
COINS = {
    "data": {"symbols": [COIN], "provider": {"kind": "synthetic", "start": "2024-07-02", "end": "2024-07-03"}},
    "market": {"calendar": "24/7", "timezone": "UTC", "instrument": {"fee_currency": "base"}},
}


def test_sdk_learns_account_clock_calendar_and_assets(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            account = await client.call(client.trading.get_account)
            assert (account["cash"], account["buying_power"], account["multiplier"]) == ("100000", "200000", "2")
            assert "pattern_day_trader" not in account
            clock = await client.call(client.trading.get_clock)
            assert clock["is_open"] is True
            assert clock["timestamp"] == "2024-07-02T10:30:00-04:00"
            days = GetCalendarRequest(start=date(2024, 7, 2), end=date(2024, 7, 5))
            told = await client.call(client.trading.get_calendar, days)
            assert [(day["date"], day["close"]) for day in told] == [
                ("2024-07-02", "16:00"),
                ("2024-07-03", "13:00"),
                ("2024-07-05", "16:00"),
            ]
            (asset,) = await client.call(client.trading.get_all_assets)
            assert (asset["symbol"], asset["shortable"], asset["fractionable"]) == (STOCK, True, True)
            assert await client.call(client.trading.get_asset, asset["id"]) == asset
            typed = TradingClient(*client.keys, url_override=client.venue.address)
            assert (await client.call(typed.get_account)).equity == "100000"
            assert (await client.call(typed.get_clock)).is_open
            assert len(await client.call(typed.get_calendar, days)) == 3

    asyncio.run(scenario())


def test_bars_come_a_page_at_a_time_and_none_before_it_is_over(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            asked = StockBarsRequest(symbol_or_symbols=STOCK, timeframe=TimeFrame.Minute, start=MIDNIGHT)
            bars = (await client.call(client.stocks.get_stock_bars, asked))[STOCK]
            assert len(bars) == WARM_UP
            assert (bars[0]["t"], bars[-1]["t"]) == ("2024-07-02T13:30:00Z", "2024-07-02T14:29:00Z")
            path = f"/v2/stocks/bars?symbols={STOCK}&timeframe=1Min&start=2024-07-02&limit=25"
            told, token = [], ""
            for size in (25, 25, 10):
                status, page, _ = await client.ask("GET", path + token)
                assert (status, len(page["bars"][STOCK])) == (200, size)
                told += page["bars"][STOCK]
                token = f"&page_token={page['next_page_token']}"
            assert page["next_page_token"] is None
            assert told == bars
            coarse = TimeFrame(15, TimeFrameUnit.Minute)
            asked = StockBarsRequest(symbol_or_symbols=STOCK, timeframe=coarse, start=MIDNIGHT)
            quarters = (await client.call(client.stocks.get_stock_bars, asked))[STOCK]
            assert len(quarters) == 4
            assert quarters[0]["o"] == bars[0]["o"]
            assert quarters[0]["h"] == max(bar["h"] for bar in bars[:15])
            assert quarters[0]["v"] == pytest.approx(sum(bar["v"] for bar in bars[:15]), abs=15)

    asyncio.run(scenario())


def test_newest_bar_quote_and_trade_are_of_the_last_price(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            requests = (
                (client.stocks.get_stock_latest_bar, StockLatestBarRequest),
                (client.stocks.get_stock_latest_quote, StockLatestQuoteRequest),
                (client.stocks.get_stock_latest_trade, StockLatestTradeRequest),
            )
            bar, quote, trade = [
                (await client.call(ask, request(symbol_or_symbols=STOCK)))[STOCK] for ask, request in requests
            ]
            assert quote["bp"] <= trade["p"] == bar["c"] <= quote["ap"]

    asyncio.run(scenario())


def test_coins_are_traded_round_the_clock_by_the_other_paths(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, **COINS)) as client:
            asked = CryptoBarsRequest(symbol_or_symbols=COIN, timeframe=TimeFrame.Hour, start=MIDNIGHT)
            (hour,) = (await client.call(client.coins.get_crypto_bars, asked))[COIN]
            assert hour["t"] == "2024-07-02T00:00:00Z"
            asked = CryptoLatestQuoteRequest(symbol_or_symbols=COIN)
            assert (await client.call(client.coins.get_crypto_latest_quote, asked))[COIN]["bp"] > 0
            bars, trades = client.listen(COIN), await client.listen_trades()
            assert (await heard(bars))["S"] == COIN
            placed = await client.buy(0.5, COIN)
            assert (placed["status"], placed["asset_class"]) == ("pending_new", "crypto")
            await client.decide()
            assert [(await heard(trades))["data"]["event"] for _ in range(2)] == ["new", "fill"]
            held = await client.call(client.trading.get_open_position, "SYNBTCUSD")
            assert held["symbol"] == "SYNBTCUSD"
            assert held["qty"] == "0.4995"  # the fee is kept from what is bought
            with pytest.raises(APIError, match="insufficient"):
                await client.buy(1, COIN, side="sell")
            with pytest.raises(APIError, match="invalid crypto time_in_force"):
                await client.buy(0.1, COIN, life="day")

    asyncio.run(scenario())


def test_wrong_key_and_request_above_the_limit_are_refused(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder, alpaca={"requests_1m": 5})) as client:
            other = TradingClient(client.keys[0], "another", url_override=client.venue.address)
            with pytest.raises(APIError) as refused:
                await client.call(other.get_account)
            assert refused.value.status_code == 401
            statuses, headers = [], []
            for _ in range(6):
                status, _, told = await client.ask("GET", "/v2/clock")
                statuses.append(status)
                headers.append(told["X-RateLimit-Remaining"])
            if statuses[-1] == 200:  # the minute turned over on the way
                return
            assert statuses == [200] * 5 + [429]
            assert headers == ["4", "3", "2", "1", "0", "0"]
            assert told["X-RateLimit-Limit"] == "5"

    asyncio.run(scenario())


def test_log_tells_requests_by_their_pattern_and_no_secret(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            placed = await client.buy(1)
            await client.call(client.trading.get_order_by_id, placed["id"])
            log = await client.get("log")
            assert log["counts"]["request POST /v2/orders"] == 1
            assert log["counts"]["request GET /v2/orders/{order_id}"] == 1
            assert client.keys[1] not in str(log)
            assert (await client.ask("GET", "/v2/nothing"))[0] == 404

    asyncio.run(scenario())
