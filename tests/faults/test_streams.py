"""Streams that are lost, mute, flooded or broken: rows 22 to 24, 27, 28, 35, 53 to 55."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from keel.app.wire_live import LiveParts
from keel.config.faults import Fault
from keel.config.live import HealthSection
from keel.domain.orders import OrderSide
from keel.domain.venue_messages import StreamState
from keel.journal.entries import BarsSeen, Entry, OrderIntent, StreamChanged
from keel.live.bar_watch import BARS
from keel.live.ear import REPORTS
from keel.live.health.server import HealthServer
from keel.practice.server import PracticeVenue

from .checks import check_all
from .scene import (
    BINANCE,
    BOTH,
    BOTH_AT_LENGTH,
    FLIPS,
    LONG,
    NO_END,
    STOCKS,
    Exchange,
    Outcome,
    Scene,
    ask,
    counted,
    stopping,
    until,
)

Seen = Callable[[str], None]
SOON = ("live.bar_wait_ms=200",)
CONNECTIONS = "socket market /v2/iex"
"""How the venue's log counts connections to the bars of stocks."""


def states(outcome: Outcome, stream: str) -> list[StreamState]:
    return [entry.state for entry in outcome.of_kind(StreamChanged) if entry.stream == stream]


def bought_while_down(entries: list[Entry], stream: str) -> list[str]:
    """Return the orders that were opened while a stream was not up."""
    down, found = False, []
    for entry in entries:
        if isinstance(entry, StreamChanged) and entry.stream == stream:
            down = entry.state is not StreamState.UP
        elif isinstance(entry, OrderIntent) and down and entry.ticket.side is OrderSide.BUY:
            found.append(entry.ticket.client_order_id)
    return found


def no_bar_is_missed(outcome: Outcome) -> None:
    closes = [entry.close_ts_ms for entry in outcome.of_kind(BarsSeen)]
    gaps = [pair for pair in pairwise(closes) if pair[1] - pair[0] != 60_000]
    assert not [pair for pair in gaps if not is_night(*pair)]


def is_night(last_ms: int, first_ms: int) -> bool:
    """Say whether closes are the last of a session in New York in summer, or half a one, and the first of the next."""
    last, first = (f"{datetime.fromtimestamp(ms / 1000, UTC):%H:%M}" for ms in (last_ms, first_ms))
    return last in ("17:00", "20:00") and first == "13:31"


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    ("exchange", "kind"),
    [
        (BINANCE, "drop_user_stream"),
        (STOCKS, "drop_user_stream"),
        pytest.param(BINANCE, "terminate_user_stream", marks=LONG),
    ],
)
def test_a_lost_stream_of_reports_is_subscribed_again_and_filled_in(
    tmp_path: Path, seen: Seen, exchange: Exchange, kind: Any
):
    after: list[int] = []

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        await until(lambda: parts.runner.counts.stream_drops, "the loss")
        subscribed = await counted(venue, f"request {exchange.fills}")
        sent = parts.runner.counts.orders_sent
        await until(lambda: parts.runner.counts.orders_sent > sent + 3, "orders after it")
        after.append(await counted(venue, f"request {exchange.fills}") - subscribed)
        parts.runner.ask_to_stop("seen enough")

    scene = Scene(tmp_path, FLIPS, exchange=exchange)
    outcome = scene.play(NO_END, Fault(kind=kind, row=4), beside=watch)
    told = states(outcome, REPORTS)
    assert told[:3] == [StreamState.UP, StreamState.DOWN, StreamState.UP]
    assert not bought_while_down(outcome.entries, REPORTS)
    assert after[0] >= 1, "what it missed is asked for"
    check_all(outcome)
    seen("DOWN, UP: subscribed anew, trades asked for, nothing opened meanwhile")


@pytest.mark.fault(22)
def test_nothing_is_opened_before_the_reports_are_back_however_often_the_orders_are_compared(
    tmp_path: Path, seen: Seen
):
    ready = stopping(lambda parts: parts.runner.counts.stream_drops and not parts.runner.blocks, "that all is well")
    live = ("throttle.backoff_base_s=1.5", "throttle.max_backoff_s=1.5", "live.poll_ms=100")
    outcome = Scene(tmp_path, FLIPS, live=live).play(NO_END, Fault(kind="drop_user_stream", row=4), beside=ready)
    assert states(outcome, REPORTS)[:3] == [StreamState.UP, StreamState.DOWN, StreamState.UP]
    assert not bought_while_down(outcome.entries, REPORTS)
    check_all(outcome)
    seen("compared while DOWN, and nothing opened before UP")


@pytest.mark.fault(23)
@BOTH
@pytest.mark.parametrize("sockets", ["user", "market"])
def test_a_mute_socket_is_found_within_its_bound(tmp_path: Path, seen: Seen, sockets: Any, exchange: Exchange):
    found: list[float] = []

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        await until(lambda: parts.runner.counts.decisions > 3, "decisions")
        began_s = time.monotonic()
        venue.add_fault(Fault(kind="mute", sockets=sockets, seconds=60))
        await until(lambda: parts.runner.counts.stream_drops, "that it is mute")
        found.append(time.monotonic() - began_s)
        await until(lambda: not parts.runner.blocks, "that all is well again")
        done = parts.runner.counts.decisions
        await until(lambda: parts.runner.counts.decisions > done + 2, "decisions after it")
        parts.runner.ask_to_stop("seen enough")

    live = ("live.stream_idle_ms=1500", *SOON)
    scene = Scene(tmp_path, FLIPS, live=live, venue=("sockets.queue_s=1",), exchange=exchange)
    outcome = scene.play(NO_END, beside=watch)
    name = REPORTS if sockets == "user" else BARS
    assert StreamState.MUTE in states(outcome, name)
    assert not bought_while_down(outcome.entries, name)
    assert found[0] <= 1.5 + 2.5, "the bound, and what a busy machine takes"
    no_bar_is_missed(outcome)
    check_all(outcome)
    seen(f"{sockets}: found after {found[0]:.2f} s (bound 1.5 s), connected again")


@pytest.mark.fault(24)
@pytest.mark.parametrize("seconds", [2.0, pytest.param(60.0, marks=LONG)])
@BOTH
def test_after_an_outage_each_missed_bar_is_asked_for_once(
    tmp_path: Path, seen: Seen, seconds: float, exchange: Exchange
):
    asked: list[int] = []

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(lambda: runner.counts.decisions >= 2, "decisions")
        before = await counted(venue, f"request {exchange.bars}")
        venue.add_fault(Fault(kind="outage", seconds=seconds))
        await until(lambda: runner.counts.stream_drops >= 2, "the loss of both streams")
        await asyncio.sleep(seconds)
        done = runner.counts.decisions
        await until(lambda: runner.counts.decisions >= done + 4 and not runner.blocks, "decisions after it")
        tries = [one for one in (await _log(venue)) if one["what"] == exchange.bars][before:]
        asked.append(len([one for one in tries if one.get("status") == 200]))
        runner.ask_to_stop("seen enough")

    live = ("live.bar_wait_ms=500", "live.stale_after_ms=120000", "clock_sync.refresh_sec=1")
    outcome = Scene(tmp_path, FLIPS, live=live, pace=60, exchange=exchange).play(NO_END, beside=watch)
    no_bar_is_missed(outcome)
    assert not bought_while_down(outcome.entries, BARS)
    assert 1 <= asked[0] <= 3, "one question for the gap, not one for each bar"
    check_all(outcome)
    seen(f"{seconds:g} s: both sockets new, the gap fetched by {asked[0]} question(s), no bar missing")


async def _log(venue: PracticeVenue) -> list[dict[str, Any]]:
    entries = (await ask(venue, "log"))["entries"]
    return [one for one in entries if one["kind"] == "request"]


@pytest.mark.fault(27)
@BOTH
def test_a_burst_beyond_the_sdk_s_own_queue_loses_nothing(tmp_path: Path, seen: Seen, exchange: Exchange):
    outcome = Scene(tmp_path, FLIPS, exchange=exchange).play(20, Fault(kind="burst", row=4, count=5000))
    assert states(outcome, BARS) == [StreamState.UP]
    no_bar_is_missed(outcome)
    check_all(outcome)
    seen("5000 messages at once: none lost")


@pytest.mark.fault(27)
def test_a_queue_that_overflows_is_noticed_and_made_good(tmp_path: Path, seen: Seen):
    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(lambda: runner.counts.decisions > 3, "decisions")
        (connection,) = runner.feed._stream._open  # type: ignore[attr-defined]
        connection._socket.max_queue_size = 0  # no burst fills a queue that is read at once
        venue.add_fault(Fault(kind="burst", count=1000))
        await until(lambda: runner.counts.stream_drops and not runner.blocks, "that it is noticed and made good")
        done = runner.counts.decisions
        await until(lambda: runner.counts.decisions > done + 5, "decisions after it")
        runner.ask_to_stop("seen enough")

    outcome = Scene(tmp_path, FLIPS, live=SOON).play(NO_END, beside=watch)
    lost = [entry.reason for entry in outcome.of_kind(StreamChanged) if entry.state is StreamState.DOWN]
    assert "Overflow" in lost[0]
    no_bar_is_missed(outcome)
    check_all(outcome)
    seen("a queue that is full: the loss is seen, connected again, bars asked for")


@pytest.mark.fault(28)
@pytest.mark.parametrize("kind", ["malformed", pytest.param("truncated", marks=LONG)])
@pytest.mark.parametrize("sockets", ["user", "market"])
@BOTH
def test_a_broken_frame_is_told_counted_and_made_good(
    tmp_path: Path, seen: Seen, kind: Any, sockets: Any, exchange: Exchange
):
    ready = stopping(lambda parts: parts.runner.counts.decisions > 15 and not parts.runner.blocks, "decisions")
    fault = Fault(kind=kind, row=4, sockets=sockets)
    outcome = Scene(tmp_path, FLIPS, live=SOON, exchange=exchange).play(NO_END, fault, beside=ready)
    name = REPORTS if sockets == "user" else BARS
    lost = [entry for entry in outcome.of_kind(StreamChanged) if entry.stream == name]
    assert [entry.state for entry in lost][:3] == [StreamState.UP, StreamState.DOWN, StreamState.UP]
    counts = outcome.parts.runner.counts
    assert counts.stream_drops + counts.bad_messages >= 1
    no_bar_is_missed(outcome)
    check_all(outcome)
    seen(f"{kind}, {sockets}: {lost[1].reason[:60]}; counted, connected again")


@pytest.mark.fault(53)
def test_a_notice_of_a_shutdown_is_answered_before_the_cut(tmp_path: Path, seen: Seen):
    ready = stopping(lambda parts: parts.runner.counts.decisions > 60, "decisions")
    outcome = Scene(tmp_path, FLIPS, live=SOON).play(
        NO_END, Fault(kind="server_shutdown", row=4, seconds=1), beside=ready
    )
    for name in (REPORTS, BARS):
        assert set(states(outcome, name)) == {StreamState.UP}, f"{name} was never down"
        assert len(states(outcome, name)) >= 2, f"{name} has a new connection"
    no_bar_is_missed(outcome)
    check_all(outcome)
    seen("new connections before the old ones end; never DOWN, no bar missed")


@pytest.mark.fault(53)
@BOTH
def test_a_cut_without_notice_costs_no_bar(tmp_path: Path, seen: Seen, exchange: Exchange):
    ready = stopping(lambda parts: parts.runner.counts.decisions > 30 and not parts.runner.blocks, "decisions")
    scene = Scene(tmp_path, FLIPS, live=SOON, exchange=exchange)
    outcome = scene.play(NO_END, Fault(kind="cut", row=4), beside=ready)
    assert StreamState.DOWN in states(outcome, BARS)
    no_bar_is_missed(outcome)
    check_all(outcome)
    seen("the cut of a day's end: connected again, no bar missed")


@pytest.mark.fault(54)
@BOTH_AT_LENGTH
def test_the_health_page_finds_a_loop_that_is_blocked(tmp_path: Path, seen: Seen, exchange: Exchange):
    answers: list[tuple[float, int]] = []
    blocked: list[float] = []
    section = HealthSection(port=0, loop_bound_s=0.5)

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        parts.board._loop_bound_s = section.loop_bound_s
        with HealthServer(section, parts.board, parts.switch) as server:
            await until(lambda: runner.counts.decisions > 2 and parts.board.healthy()[0], "a healthy run")
            asking = Thread(target=_ask_health, args=(server.address, answers, blocked), daemon=True)
            asking.start()
            await until(lambda: answers and answers[-1][1] == 200, "a healthy answer")
            blocked.append(time.monotonic())
            time.sleep(2.5)
            blocked.append(time.monotonic())
            await until(lambda: answers[-1][1] == 200 and answers[-1][0] > blocked[1], "a healthy answer again")
            blocked.append(0.0)
        runner.ask_to_stop("seen enough")

    outcome = Scene(tmp_path, FLIPS, exchange=exchange).play(NO_END, beside=watch)
    bad = [at for at, status in answers if status == 503 and blocked[0] < at < blocked[1]]
    assert bad, "told while the loop was blocked"
    assert bad[0] - blocked[0] <= section.loop_bound_s + 2.0
    check_all(outcome)
    seen(f"503 after {bad[0] - blocked[0]:.2f} s (bound {section.loop_bound_s:g} s), 200 again later")


def _ask_health(address: str, answers: list[tuple[float, int]], blocked: list[float]) -> None:
    while len(blocked) < 3:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:  # noqa: S310 - loopback
                answers.append((time.monotonic(), answer.status))
        except urllib.error.HTTPError as error:
            answers.append((time.monotonic(), error.code))
            error.close()
        time.sleep(0.05)


@pytest.mark.fault(35)
@pytest.mark.parametrize("exchange", [STOCKS], ids=str)
@pytest.mark.parametrize("sockets", ["market", pytest.param("all", marks=LONG)])
def test_a_second_connection_that_is_refused_is_said_aloud_and_tried_again_with_growing_waits(
    tmp_path: Path, seen: Seen, sockets: Any, exchange: Exchange
):
    """The SDK by itself connects again and again without a wait, and never says so."""
    tries: list[int] = []
    reasons: list[str] = []

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(lambda: runner.counts.decisions > 3, "decisions")
        before = await counted(venue, CONNECTIONS)
        venue.add_fault(Fault(kind="connection_limit", seconds=3))
        venue.add_fault(Fault(kind="drop_market_stream" if sockets == "market" else "cut"))
        await until(lambda: any("406" in reason for reason in runner.blocks.reasons), "that it is said")
        reasons.extend(runner.blocks.reasons)
        await until(lambda: not parts.board.healthy()[0], "that the page says it")
        bought = len([order for order in runner.tracker.remembered() if order.ticket.side > 0])
        await until(lambda: not runner.blocks or runner.counts.orders_sent > 1000, "that all is well again")
        tries.append(await counted(venue, CONNECTIONS) - before)
        assert len([order for order in runner.tracker.remembered() if order.ticket.side > 0]) - bought <= 1
        done = runner.counts.decisions
        await until(lambda: runner.counts.decisions > done + 3, "decisions after it")
        runner.ask_to_stop("seen enough")

    live = ("live.bar_wait_ms=200", "throttle.backoff_base_s=0.2", "throttle.max_backoff_s=2")
    outcome = Scene(tmp_path, FLIPS, live=live, exchange=exchange).play(NO_END, beside=watch)
    told = [entry.reason for entry in outcome.of_kind(StreamChanged) if "406" in entry.reason]
    assert told, "on record"
    assert not bought_while_down(outcome.entries, BARS)
    assert 2 <= tries[0] <= 12, "no storm of connections"
    no_bar_is_missed(outcome)
    check_all(outcome)
    seen(f"406: {told[0][:60]}; {tries[0]} tries in 3 s, then connected")


@pytest.mark.fault(55)
@pytest.mark.parametrize("which", ["reports", "bars"])
@BOTH
def test_a_handler_that_raises_is_told_and_the_stream_renewed(
    tmp_path: Path, seen: Seen, which: str, exchange: Exchange
):
    unhealthy: list[str] = []

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(lambda: runner.counts.decisions > 3, "decisions")
        holder, name = (runner.ear, "on_report") if which == "reports" else (runner.bars, "on_bar")

        def broken(*_: object) -> None:
            delattr(holder, name)  # once: the class's own is back
            raise RuntimeError("a handler broke")

        setattr(holder, name, broken)
        await until(lambda: runner.counts.stream_drops, "that it broke")
        unhealthy.extend(runner.blocks.reasons)
        await until(lambda: not runner.blocks, "that all is well again")
        done = runner.counts.decisions
        await until(lambda: runner.counts.decisions > done + 3, "decisions after it")
        runner.ask_to_stop("seen enough")

    outcome = Scene(tmp_path, FLIPS, live=SOON, exchange=exchange).play(NO_END, beside=watch)
    assert any("a handler broke" in entry.reason for entry in outcome.of_kind(StreamChanged))
    assert unhealthy, "told as a reason, which the health page answers 503 to"
    no_bar_is_missed(outcome)
    check_all(outcome)
    seen(f"{which}: captured, unhealthy, the connection renewed and what was missed asked for")
