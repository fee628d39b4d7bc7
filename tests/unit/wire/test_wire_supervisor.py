from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from wire_server import SECRET, WireServer, mute, refuses, settings, stay, wire_server

from keel.domain.clock import WallClock
from keel.domain.errors import RetryableError
from keel.domain.venue_messages import StreamState
from keel.wire.backoff import Backoff
from keel.wire.binance_link import BinanceLink
from keel.wire.binance_streams import MarketConnection, UserConnection
from keel.wire.supervisor import Supervisor

UP, DOWN, MUTE = StreamState.UP, StreamState.DOWN, StreamState.MUTE
KINDS = ["market", "user"]


class Heard:
    """Keep what a stream told, and when."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.states: list[StreamState] = []
        self.reasons: list[str] = []
        self.at_s: list[float] = []
        self.breaks = False

    def hear(self, message: dict[str, Any]) -> None:
        if self.breaks:
            self.breaks = False
            raise ValueError("a handler that breaks")
        self.messages.append(message)

    def tell(self, state: StreamState, reason: str) -> None:
        self.states.append(state)
        self.reasons.append(reason)
        self.at_s.append(time.monotonic())

    async def until(self, what: Callable[[Heard], bool], within_s: float = 5.0) -> None:
        end = time.monotonic() + within_s
        while not what(self):
            assert time.monotonic() < end, (self.states, self.reasons, self.messages)
            await asyncio.sleep(0.005)


Scenario = Callable[[WireServer, Supervisor, Heard], Awaitable[None]]


def supervised(kind: str, scenario: Scenario, scripts=(), *, starts: bool = True, **changes) -> Heard:
    async def run() -> Heard:
        async with wire_server() as server:
            (server.markets if kind == "market" else server.users).extend(scripts)
            link, heard = BinanceLink(settings(server.address), WallClock()), Heard()
            made = {
                "market": lambda: MarketConnection(link, ["btcusdt@kline_1m"]),
                "user": lambda: UserConnection(link),
            }
            timing = {"idle_s": 20.0, "open_within_s": 20.0} | changes
            supervisor = Supervisor(made[kind], heard.hear, heard.tell, WallClock(), Backoff(0.01, 0.02, 1), **timing)
            try:
                if starts:
                    await supervisor.start()
                await scenario(server, supervisor, heard)
            finally:
                began = time.monotonic()
                await supervisor.stop()
                await link.close("test")
            assert time.monotonic() - began < 10.0
            return heard

    return asyncio.run(run())


def wrapped(kind: str, event: dict[str, Any]) -> dict[str, Any]:
    return {"stream": "btcusdt@kline_1m", "data": event} if kind == "market" else {"subscriptionId": 0, "event": event}


def sends(kind: str, *numbers: int, then: Callable[[web.WebSocketResponse], Awaitable[None]] = stay):
    async def script(socket: web.WebSocketResponse) -> None:
        for number in numbers:
            await socket.send_json(wrapped(kind, {"e": "kline", "n": number}))
        # of a connection that is closed the SDK reads no more: what came with the end is asked for after UP
        await asyncio.sleep(0.05)
        await then(socket)

    return script


async def aborts(socket: web.WebSocketResponse) -> None:
    socket._req.transport.abort()


async def leaves(socket: web.WebSocketResponse) -> None:
    await socket.close()


async def garbage(socket: web.WebSocketResponse) -> None:
    await socket.send_str('{"stream": "btcusdt@kline_1m", "da')
    await stay(socket)


async def wrong_shape(socket: web.WebSocketResponse) -> None:
    await socket.send_str("[1, 2]")
    await stay(socket)


def numbers(heard: Heard) -> list[int]:
    return [message["n"] for message in heard.messages]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", [aborts, leaves, garbage])
def test_lost_stream_is_told_and_connected_again_and_what_came_before_is_kept(kind, fault):
    async def scenario(server, supervisor, heard):
        await heard.until(lambda heard: numbers(heard)[-1:] == [3])

    heard = supervised(kind, scenario, [sends(kind, 1, 2, then=fault), sends(kind, 3)])
    assert numbers(heard) == [1, 2, 3]
    assert heard.states == [UP, DOWN, UP]
    assert heard.reasons[1]


def test_subscription_is_made_anew_at_each_connection_signed_and_with_the_window():
    async def scenario(server, supervisor, heard):
        await heard.until(lambda heard: heard.states == [UP, DOWN, UP])
        assert [each["method"] for each in server.subscribed] == ["userDataStream.subscribe.signature"] * 2
        first, second = (each["params"] for each in server.subscribed)
        assert first["recvWindow"] == 3000
        assert first["signature"] != second["signature"] or first["timestamp"] == second["timestamp"]
        assert SECRET not in str(server.subscribed)

    supervised("user", scenario, [sends("user", then=aborts)])


def test_frame_of_another_shape_ends_the_connection_and_not_the_stream():
    async def scenario(server, supervisor, heard):
        await heard.until(lambda heard: numbers(heard) == [1])

    heard = supervised("market", scenario, [wrong_shape, sends("market", 1)])
    assert heard.states == [UP, DOWN, UP]


@pytest.mark.parametrize("kind", KINDS)
def test_mute_but_open_socket_is_found_within_the_bound(kind):
    async def scenario(server, supervisor, heard):
        await heard.until(lambda heard: heard.states[-2:] == [MUTE, UP])

    heard = supervised(kind, scenario, [sends(kind, 1, then=mute)], idle_s=0.4)
    found_s = heard.at_s[heard.states.index(MUTE)] - heard.at_s[0]
    assert 0.35 <= found_s <= 1.4
    assert "nothing came" in heard.reasons[heard.states.index(MUTE)]


def test_quiet_account_that_answers_is_not_mute():
    async def scenario(server, supervisor, heard):
        await asyncio.sleep(1.0)

    assert supervised("user", scenario, idle_s=0.3).states == [UP]


def test_market_that_answers_but_sends_nothing_is_mute():
    async def scenario(server, supervisor, heard):
        await heard.until(lambda heard: MUTE in heard.states)

    supervised("market", scenario, [stay], idle_s=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_burst_far_larger_than_the_sdks_queue_loses_nothing(kind):
    async def scenario(server, supervisor, heard):
        await heard.until(lambda heard: len(heard.messages) >= 5000)

    heard = supervised(kind, scenario, [sends(kind, *range(5000))])
    assert numbers(heard) == list(range(5000))
    assert heard.states == [UP]


@pytest.mark.parametrize("kind", KINDS)
def test_announced_shutdown_opens_a_new_connection_before_the_old_one_ends(kind):
    order: list[str] = []

    async def old(socket: web.WebSocketResponse) -> None:
        await socket.send_json(wrapped(kind, {"e": "kline", "n": 1}))
        notice = {"e": "serverShutdown", "E": 1}
        await socket.send_json({"stream": "!serverShutdown", "data": notice} if kind == "market" else {"event": notice})
        await socket.send_json(wrapped(kind, {"e": "kline", "n": 2}))
        await stay(socket)
        order.append("old ended")

    async def new(socket: web.WebSocketResponse) -> None:
        order.append("new began")
        await socket.send_json(wrapped(kind, {"e": "kline", "n": 3}))
        await stay(socket)

    async def scenario(server, supervisor, heard):
        await heard.until(lambda heard: 3 in numbers(heard))
        await asyncio.sleep(0.1)

    heard = supervised(kind, scenario, [old, new])
    assert numbers(heard) == [1, 2, 3]
    assert heard.states == [UP, UP]
    assert order[:2] == ["new began", "old ended"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_on_the_old_connection_while_the_new_one_opens_is_kept_however_much(kind):
    async def old(socket: web.WebSocketResponse) -> None:
        await socket.send_json(wrapped(kind, {"e": "serverShutdown", "E": 1}))
        for number in range(1000):
            await socket.send_json(wrapped(kind, {"e": "kline", "n": number}))
        await stay(socket)

    async def scenario(server, supervisor, heard):
        server.opens_after_s = 0.5
        await supervisor.start()
        await heard.until(lambda heard: heard.states == [UP, UP] and len(heard.messages) >= 1000)

    heard = supervised(kind, scenario, [old, stay], starts=False)
    assert numbers(heard) == list(range(1000))


@pytest.mark.parametrize("kind", KINDS)
def test_connection_is_renewed_before_the_exchange_cuts_it(kind):
    async def scenario(server, supervisor, heard):
        await heard.until(lambda heard: len(heard.states) >= 3)

    heard = supervised(kind, scenario, renew_after_s=0.2)
    assert set(heard.states) == {UP}
    assert "renewed" in heard.reasons[1]


def test_exchange_that_ends_the_subscription_is_subscribed_to_again():
    async def ended(socket: web.WebSocketResponse) -> None:
        await socket.send_json(wrapped("user", {"e": "eventStreamTerminated", "E": 1}))
        await stay(socket)

    async def scenario(server, supervisor, heard):
        await heard.until(lambda heard: numbers(heard) == [1])

    heard = supervised("user", scenario, [ended, sends("user", 1)])
    assert heard.states == [UP, DOWN, UP]


@pytest.mark.parametrize("kind", KINDS)
def test_handler_that_breaks_is_told_and_the_stream_lives(kind):
    async def scenario(server, supervisor, heard):
        await heard.until(lambda heard: numbers(heard) == [2])

    async def with_break(server, supervisor, heard):
        heard.breaks = True
        await scenario(server, supervisor, heard)

    async def waits_a_little(socket: web.WebSocketResponse) -> None:
        await asyncio.sleep(0.1)
        await socket.send_json(wrapped(kind, {"e": "kline", "n": 1}))
        await stay(socket)

    heard = supervised(kind, with_break, [waits_a_little, sends(kind, 2)])
    assert heard.states == [UP, DOWN, UP]
    assert "a handler that breaks" in heard.reasons[1]


@pytest.mark.parametrize("kind", KINDS)
def test_outage_is_waited_out_however_long(kind):
    """The SDK gives up after five tries."""

    async def scenario(server, supervisor, heard):
        await heard.until(lambda _: server.turned_away >= 8)
        server.refusing = False
        await heard.until(lambda heard: heard.states == [UP, DOWN, UP])

    async def ends_and_refuses(socket: web.WebSocketResponse) -> None:
        supervised_server[0].refusing = True
        await aborts(socket)

    supervised_server: list[WireServer] = []

    async def remembers(server, supervisor, heard):
        supervised_server.append(server)
        await supervisor.start()
        await scenario(server, supervisor, heard)

    supervised(kind, remembers, [ends_and_refuses], starts=False)


def test_first_connection_that_fails_is_told_at_once():
    async def scenario(server, supervisor, heard):
        server.refusing = True
        with pytest.raises(RetryableError):
            await supervisor.start()

    assert supervised("market", scenario, starts=False).states == []


def test_connection_that_is_never_answered_ends_in_time():
    async def scenario(server, supervisor, heard):
        server.stalling = True
        began = time.monotonic()
        with pytest.raises(RetryableError, match="within"):
            await supervisor.start()
        assert time.monotonic() - began < 15.0

    supervised("market", scenario, starts=False, open_within_s=0.3)


def test_account_is_not_pinged_inside_a_retry_after_window():
    async def scenario(server, supervisor, heard):
        server.then("GET", "/api/v3/time", refuses(-1003, "Too much request weight used.", 429, Retry_After="30"))
        link = BinanceLink(settings(server.address), WallClock())
        connection = UserConnection(link)
        try:
            with pytest.raises(RetryableError):
                await link.open("test")
            assert await connection.probe()
            with pytest.raises(RetryableError, match="wants no request"):
                await connection.open()
        finally:
            await connection.close()
            await link.close("test")
        assert server.subscribed == []

    supervised("user", scenario, starts=False)
