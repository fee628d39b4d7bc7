from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from wire_server import KEY, SECRET, WireServer, drops, hangs, refuses, says, settings, wire_server

from keel.domain.clock import WallClock
from keel.domain.errors import HaltTradingError, RetryableError
from keel.domain.venue_messages import Outcome
from keel.wire.binance_link import BinanceLink
from keel.wire.budget import Spend
from keel.wire.link import Answer, RefusedError

ORDER = "/api/v3/order"


def tried(scenario: Callable[[WireServer, BinanceLink], Awaitable[object]], **changes) -> object:
    async def run() -> object:
        async with wire_server(skew_ms=changes.pop("skew_ms", 0)) as server:
            link = BinanceLink(settings(server.address, **changes), WallClock())
            try:
                return await scenario(server, link)
            finally:
                await link.close("test")

    return asyncio.run(run())


async def place(link: BinanceLink) -> Answer:
    return await link.send(Spend.ORDER, 1, lambda client: client.create_order(symbol="BTCUSDT", newClientOrderId="k1"))


def test_requests_are_signed_with_the_window_and_the_exchanges_time():
    async def scenario(server, link):
        server.always["POST", ORDER] = says({"orderId": 5})
        await link.open("test")
        answer = await place(link)
        return server.of("POST", ORDER), answer, server.now_ms()

    (asked,), answer, now_ms = tried(scenario, skew_ms=90_000)
    body, signature = asked.raw.rsplit("&signature=", 1)
    assert hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest() == signature
    assert asked.parameters["recvWindow"] == "3000"
    assert abs(int(asked.parameters["timestamp"]) - now_ms) < 1000
    assert asked.request.headers["X-MBX-APIKEY"] == KEY
    assert (answer.outcome, answer.data) == (Outcome.DONE, {"orderId": 5})


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        (refuses(-2010, "Account has insufficient balance for requested action."), Outcome.REFUSED),
        (refuses(-1013, "Filter failure: LOT_SIZE"), Outcome.REFUSED),
        (refuses(-1015, "Too many new orders; current limit is 100 orders per 10 SECOND.", 429), Outcome.REFUSED),
        (refuses(-2010, "Duplicate order sent."), Outcome.UNKNOWN),
        (refuses(-1006, "An unexpected response was received from the message bus."), Outcome.UNKNOWN),
        (refuses(-1007, "Timeout waiting for response from backend server.", 408), Outcome.UNKNOWN),
        (refuses(-1001, "Internal error; unable to process your request."), Outcome.UNKNOWN),
        (refuses(-2010, "an order refused, or so it says", 503), Outcome.UNKNOWN),
        (drops, Outcome.UNKNOWN),
        (hangs, Outcome.UNKNOWN),
        (lambda _: web.Response(text="<html>", status=502), Outcome.UNKNOWN),
        (lambda _: web.Response(text="<html>", status=403), Outcome.UNKNOWN),
        (lambda _: web.Response(text="[]", status=400), Outcome.UNKNOWN),
        (lambda _: web.Response(text="{", content_type="application/json"), Outcome.UNKNOWN),
        (lambda _: web.Response(text="fine"), Outcome.UNKNOWN),
    ],
)
def test_order_is_sent_once_whatever_becomes_of_it(handler, outcome):
    async def scenario(server, link):
        server.always["POST", ORDER] = handler
        answer = await place(link)
        return answer, server.of("POST", ORDER)

    answer, asked = tried(scenario, timeout_s=0.3)
    assert answer.outcome is outcome
    assert len(asked) == 1
    assert SECRET not in answer.reason


def test_order_that_reached_no_server_was_not_sent():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # nobody listens on it

        async def run() -> Answer:
            link = BinanceLink(settings(f"http://127.0.0.1:{held.getsockname()[1]}"), WallClock())
            try:
                return await place(link)
            finally:
                await link.close("test")

        assert asyncio.run(run()).outcome is Outcome.NOT_SENT


def test_redirect_is_not_followed_with_the_key():
    async def scenario(server, link):
        server.always["POST", ORDER] = lambda _: web.Response(
            status=302, headers={"Location": f"{server.address}/elsewhere"}
        )
        return await place(link), server.of("GET", "/elsewhere") + server.of("POST", "/elsewhere")

    answer, elsewhere = tried(scenario)
    assert (answer.outcome, elsewhere) == (Outcome.UNKNOWN, [])


def test_late_order_is_sent_again_once_with_the_time_put_right():
    async def scenario(server, link):
        await link.open("test")
        server.skew_ms = 5000  # the exchange's clock steps
        server.then("POST", ORDER, refuses(-1021, "Timestamp for this request is outside of the recvWindow."))
        server.always["POST", ORDER] = says({"orderId": 1})
        answer = await place(link)
        return answer, server.of("POST", ORDER), server.now_ms()

    answer, (first, second), now_ms = tried(scenario)
    assert answer.outcome is Outcome.DONE
    assert now_ms - int(first.parameters["timestamp"]) > 4000
    assert abs(now_ms - int(second.parameters["timestamp"])) < 1000
    assert first.parameters["newClientOrderId"] == second.parameters["newClientOrderId"]


def test_clocks_are_compared_again_and_again_and_a_failure_leaves_the_last_offset():
    async def scenario(server, link):
        await link.open("test")
        server.skew_ms = 3000
        while link.sync.offset_ms < 2000:
            await asyncio.sleep(0.01)
        server.always["GET", "/api/v3/time"] = refuses(-1000, "An unknown error occurred.", 500)
        await asyncio.sleep(0.2)
        kept = link.sync.offset_ms
        server.always["GET", "/api/v3/time"] = lambda _: web.json_response({"serverTime": server.now_ms() + 4000})
        while link.sync.offset_ms < 6000:
            await asyncio.sleep(0.01)
        return kept

    assert tried(scenario, clock_refresh_s=0.05) == pytest.approx(3000, abs=200)


def test_order_that_stays_late_is_refused_after_two():
    async def scenario(server, link):
        server.always["POST", ORDER] = refuses(-1021, "Timestamp for this request is outside of the recvWindow.")
        return await place(link), server.of("POST", ORDER)

    answer, asked = tried(scenario)
    assert (answer.outcome, answer.code, len(asked)) == (Outcome.REFUSED, -1021, 2)


def test_question_is_asked_again_after_passing_faults():
    async def scenario(server, link):
        server.then("GET", ORDER, drops, refuses(-1000, "An unknown error occurred.", 500))
        server.always["GET", ORDER] = says({"orderId": 3})
        answer = await link.ask(4, lambda client: client.get_order(symbol="BTCUSDT", origClientOrderId="k1"))
        return answer, len(server.of("GET", ORDER))

    answer, asked = tried(scenario)
    assert answer == {"orderId": 3}
    assert asked >= 3  # aiohttp asks once more by itself where a kept connection was cut


def test_question_that_is_never_answered_ends_after_its_retries():
    async def scenario(server, link):
        server.always["GET", ORDER] = refuses(-1000, "An unknown error occurred.", 500)
        with pytest.raises(RetryableError, match="-1000"):
            await link.ask(4, lambda client: client.get_order(symbol="BTCUSDT", origClientOrderId="k1"))
        return len(server.of("GET", ORDER))

    assert tried(scenario) == 3


def test_question_that_is_refused_is_not_asked_again():
    async def scenario(server, link):
        server.always["GET", ORDER] = refuses(-2013, "Order does not exist.")
        with pytest.raises(RefusedError) as caught:
            await link.ask(4, lambda client: client.get_order(symbol="BTCUSDT", origClientOrderId="k1"))
        return caught.value.code, len(server.of("GET", ORDER))

    assert tried(scenario) == (-2013, 1)


@pytest.mark.parametrize("code", [-2015, -2014, -1022])
def test_wrong_key_halts(code):
    async def scenario(server, link):
        server.always["GET", "/api/v3/account"] = refuses(code, "Invalid API-key, IP, or permissions for action.", 401)
        with pytest.raises(HaltTradingError) as caught:
            await link.ask(20, lambda client: client.get_account())
        return str(caught.value), len(server.of("GET", "/api/v3/account"))

    told, asked = tried(scenario)
    assert asked == 1
    assert str(code) in told
    assert KEY not in told
    assert SECRET not in told


def test_nothing_is_asked_inside_a_retry_after_window_and_cancels_go_first_after_it():
    async def scenario(server, link):
        server.then("GET", ORDER, refuses(-1003, "Too much request weight used.", 429, Retry_After="1"))
        server.always["GET", ORDER] = server.always["POST", ORDER] = server.always["DELETE", ORDER] = says({})
        with pytest.raises(RefusedError):
            await link.ask(4, lambda client: client.get_order(symbol="BTCUSDT", orderId=1))
        turned_at = server.asked[-1].at_s
        asked = [
            asyncio.ensure_future(link.ask(4, lambda client: client.get_order(symbol="BTCUSDT", orderId=1))),
            asyncio.ensure_future(place(link)),
            asyncio.ensure_future(
                link.send(Spend.CANCEL, 1, lambda client: client.cancel_order(symbol="BTCUSDT", orderId=1))
            ),
        ]
        await asyncio.gather(*asked)
        return turned_at, server.asked[1:]

    turned_at, after = tried(scenario, timeout_s=3.0)
    assert after[0].method == "DELETE"
    assert len(after) == 3
    assert min(each.at_s for each in after) - turned_at >= 1.0


def test_ban_survives_a_restart_and_is_not_probed(tmp_path: Path):
    async def scenario(server, link):
        server.always["GET", ORDER] = refuses(
            -1003, "Way too much request weight used; IP banned.", 418, Retry_After="60"
        )
        with pytest.raises(HaltTradingError, match="banned"):
            await link.ask(4, lambda client: client.get_order(symbol="BTCUSDT", orderId=1))
        again = BinanceLink(settings(server.address, state_dir=tmp_path), WallClock())
        with pytest.raises(HaltTradingError, match="banned"):
            await again.open("test")
        answer = await place(again)
        await again.close("test")
        return answer, len(server.asked)

    answer, asked = tried(scenario, state_dir=tmp_path)
    assert (answer.outcome, asked) == (Outcome.NOT_SENT, 1)
    assert "banned" in answer.reason


def test_way_that_is_closed_in_the_middle_of_a_comparison_leaves_nothing_behind():
    async def scenario(server, link):
        server.then("GET", "/api/v3/time", hangs)
        opening = asyncio.ensure_future(link.open("test"))
        while not server.asked:
            await asyncio.sleep(0.005)
        await link.close("test")
        with pytest.raises((asyncio.CancelledError, RetryableError)):
            await opening
        return len(asyncio.all_tasks()) - 1, {task.get_coro().__qualname__ for task in asyncio.all_tasks()}

    left, names = tried(scenario)
    assert not any("ClockSync" in name or "BinanceLink" in name for name in names), (left, names)


def test_secret_is_not_shown_with_the_settings():
    assert SECRET not in repr(settings("http://127.0.0.1:1"))
