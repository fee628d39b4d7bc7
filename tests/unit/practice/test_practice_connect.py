"""The real python-binance connects to the practice venue, asks what it asks, and is refused what it should be."""

from __future__ import annotations

import asyncio

import pytest
from made_venue import KLINES, MINUTE_MS, SYMBOL, BinanceAPIException, made_config, running, sdk_at

from keel.domain.errors import DataError, UsageError


def test_sdk_learns_rules_bars_and_account(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            info = await client.sdk.get_symbol_info(SYMBOL)
            assert info["baseAsset"] == "SYNBTC"
            assert {one["filterType"] for one in info["filters"]} >= {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL"}
            clock = await client.get("clock")
            bars = await client.sdk.get_klines(symbol=SYMBOL, interval="1m", limit=1000)
            assert len(bars) == 100
            assert bars[-1][6] + 1 == clock["market_ms"]
            assert bars[-1][0] + MINUTE_MS == clock["market_ms"]
            hours = await client.sdk.get_klines(symbol=SYMBOL, interval="1h")
            assert len(hours) == 2  # one that is over, and the one that is open
            first_hour = bars[:60]
            assert hours[0][1] == first_hour[0][1]
            assert hours[0][4] == first_hour[-1][4]
            assert float(hours[0][2]) == max(float(bar[2]) for bar in first_hour)
            account = await client.sdk.get_account()
            assert {one["asset"]: one["free"] for one in account["balances"]}["USDT"] == "100000.00000000"
            assert (await client.sdk.get_account_api_permissions())["enableWithdrawals"] is False
            assert float((await client.sdk.get_symbol_ticker(symbol=SYMBOL))["price"]) == float(bars[-1][4])

    asyncio.run(scenario())


def test_klines_between_two_times_are_those_that_open_there(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            bars = await client.sdk.get_klines(symbol=SYMBOL, interval="1m", limit=100)
            some = await client.sdk.get_klines(
                symbol=SYMBOL, interval="1m", startTime=bars[10][0], endTime=bars[19][0], limit=5
            )
            assert some == bars[10:15]
            assert (
                await client.sdk.get_klines(symbol=SYMBOL, interval="1m", endTime=bars[19][0], limit=3) == bars[17:20]
            )

    asyncio.run(scenario())


def test_wrong_secret_key_and_time_are_refused(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            pair = client.venue.keys["practice"]
            for key, secret, code in (
                (pair.key, "another", -1022),
                ("unknown-key", pair.secret, -2015),
                ("not a key", pair.secret, -2014),
            ):
                other = await sdk_at(client.venue).create(key, secret)
                with pytest.raises(BinanceAPIException) as refused:
                    await other.get_account()
                assert refused.value.code == code
                await other.close_connection()
            for shift_ms in (1500, -11_000):
                offset, client.sdk.timestamp_offset = client.sdk.timestamp_offset, shift_ms
                with pytest.raises(BinanceAPIException, match="-1021"):
                    await client.sdk.get_account()
                client.sdk.timestamp_offset = offset

    asyncio.run(scenario())


def test_documented_signature_example_is_accepted():
    from keel.practice.asked import Asked
    from keel.practice.security import KeyPair, check_signature

    # https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security, first HMAC example
    pair = KeyPair("x", "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j")
    body = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    )
    signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    check_signature(Asked.read("", f"{body}&signature={signature}"), pair)
    check_signature(Asked.read(f"{body}&signature={signature.upper()}", ""), pair)
    mixed = Asked.read("symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC", body.partition("GTC&")[2] + "&signature=x")
    assert mixed.payload == body.replace("GTC&", "GTC")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("klines?symbol=NOSUCH&interval=1m", -1121),
        ("klines?symbol=bad!&interval=1m", -1100),
        (f"klines?symbol={SYMBOL}&interval=7m", -1120),
        (f"klines?symbol={SYMBOL}", -1102),
        (f"klines?symbol={SYMBOL}&interval=", -1105),
        (f"klines?symbol={SYMBOL}&interval=1m&wrong=1", -1104),
        (f"klines?symbol={SYMBOL}&symbol={SYMBOL}&interval=1m", -1101),
        ("nothing", -1020),
    ],
)
def test_malformed_request_is_refused_by_its_code(bar_folder, path, code):
    async def scenario():
        async with (
            running(made_config(bar_folder)) as client,
            client.http.get(f"{client.venue.address}/api/v3/{path}") as answer,
        ):
            assert (await answer.json())["code"] == code
            assert answer.status in (400, 404)

    asyncio.run(scenario())


def test_key_without_permission_reads_but_may_not_trade(bar_folder):
    async def scenario():
        config = made_config(bar_folder, accounts={"practice": {"trade": False, "withdraw": True}})
        async with running(config) as client:
            assert (await client.sdk.get_account())["canTrade"] is False
            assert (await client.sdk.get_account_api_permissions())["enableWithdrawals"] is True
            with pytest.raises(BinanceAPIException, match="-2015"):
                await client.market("BUY", "0.01")

    asyncio.run(scenario())


def test_log_tells_every_request_without_a_secret(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            await client.sdk.get_account()
            await client.listen(KLINES)
            log = await client.get("log")
            counts = log["counts"]
            assert counts["request GET /api/v3/account"] == 1
            assert counts["socket market /stream"] == 1
            assert not [name for name in counts if "POST" in name or "DELETE" in name]
            pair = client.venue.keys["practice"]
            assert pair.key not in str(log)
            assert "signature" not in str(log)

    asyncio.run(scenario())


def test_taken_port_is_told_in_one_line(bar_folder):
    async def scenario():
        async with running(made_config(bar_folder)) as client:
            from keel.app.practice import open_venue

            second = open_venue(made_config(bar_folder, port=client.venue.port))
            with pytest.raises(UsageError, match=f"port: {client.venue.port} of this machine cannot be had"):
                await second.start()

    asyncio.run(scenario())


def test_history_that_leaves_nothing_to_play_is_refused(bar_folder):
    from keel.app.practice import open_venue

    with pytest.raises(DataError, match="warm_up_bars"):
        open_venue(made_config(bar_folder, warm_up_bars=1440))


def test_accounts_do_not_see_each_other(bar_folder):
    async def scenario():
        accounts = {"one": {"keys": "ONE"}, "two": {"keys": "TWO", "balances": {"USDT": 500}}}
        async with running(made_config(bar_folder, accounts=accounts), account="one") as client:
            user = await client.listen_user()
            pair = client.venue.keys["two"]
            other = await sdk_at(client.venue).create(pair.key, pair.secret)
            placed = await other.create_order(
                symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="20000"
            )
            assert [one["orderId"] for one in await other.get_open_orders()] == [placed["orderId"]]
            assert await client.sdk.get_open_orders() == []
            with pytest.raises(BinanceAPIException, match="-2013"):
                await client.sdk.get_order(symbol=SYMBOL, orderId=placed["orderId"])
            await client.listen(KLINES)
            await client.decide()
            await client.decide()
            assert user._queue.empty()
            await other.close_connection()

    asyncio.run(scenario())


def test_what_breaks_the_market_is_told_at_the_end_and_nothing_stays_open(bar_folder):
    ports = []

    async def go_back_in_time():
        async with running(made_config(bar_folder)) as client:
            ports.append(client.venue.port)
            market = client.venue._state.market
            market.bars[market.row + 1] = market.bars[market.row]
            bars = await client.listen(KLINES)
            await asyncio.wait_for(bars.recv(), 5)
            await client.decide()
            await asyncio.sleep(0.05)

    async def scenario():
        with pytest.raises(ValueError, match="rows come in the order"):
            await go_back_in_time()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", ports[0])

    asyncio.run(scenario())
