"""The Binance adapter where the practice venue breaks: what it says, and how often it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from practice_rig import PracticeRig, practice_rig
from rig import PRICE, QUOTE, START, SYMBOL, until
from test_venue_contract import limit, ref, ticket

from keel.config.faults import Fault
from keel.data.sources.binance import BinanceFeed
from keel.domain.errors import HaltTradingError, RetryableError
from keel.domain.venue_messages import LiveBar, Outcome, StreamState, VenueStatus
from keel.wire.binance_access import read_key_access

POST = "POST /api/v3/order"
UP, DOWN, MUTE = StreamState.UP, StreamState.DOWN, StreamState.MUTE


class Bars:
    """Hear a feed."""

    def __init__(self) -> None:
        self.bars: list[LiveBar] = []
        self.states: list[StreamState] = []

    def on_bar(self, bar: LiveBar) -> None:
        self.bars.append(bar)

    def on_feed(self, state: StreamState, reason: str) -> None:
        self.states.append(state)


def tried(scenario: Callable[[PracticeRig], Awaitable[Any]], **changes: Any) -> Any:
    async def run() -> Any:
        async with practice_rig(**changes) as rig:
            return await scenario(rig)

    return asyncio.run(run())


def break_it(rig: PracticeRig, kind: str, **more: Any) -> None:
    rig.practice.add_fault(Fault.model_validate({"kind": kind, "seconds": 0.5} | more))


async def requests(rig: PracticeRig, what: str = "/api/v3") -> int:
    async with rig.http.get(f"{rig.practice.address}/practice/log") as answer:
        counts = (await answer.json())["counts"]
    return sum(count for name, count in counts.items() if name.startswith("request ") and what in name)


async def posts(rig: PracticeRig) -> int:
    return await requests(rig, POST)


@pytest.mark.parametrize(
    ("kind", "more", "lives"),
    [
        ("drop_response", {}, True),
        ("error_after", {"status": 504}, True),
        ("error_after", {"status": 500, "code": -1000, "message": "An unknown error occurred."}, True),
        ("drop_request", {}, False),
        ("error_instead", {"status": 503, "code": -1008, "message": "Server is currently overloaded."}, False),
    ],
)
def test_order_whose_fate_is_not_told_is_unknown_sent_once_and_found_by_its_name(kind, more, lives):
    async def scenario(rig):
        break_it(rig, kind, request=POST, **more)
        order = limit("80")
        result = await rig.venue.submit(order)
        state = await rig.venue.order(ref(order))
        return result, await posts(rig), state

    result, sent, state = tried(scenario)
    assert (result.outcome, sent) == (Outcome.UNKNOWN, 1)
    assert (state is not None) == lives


def test_answer_that_comes_too_late_is_unknown():
    async def scenario(rig):
        break_it(rig, "slow", request=POST, seconds=1.0)
        order = limit("80")
        result = await rig.venue.submit(order)
        await asyncio.sleep(1.0)
        return result, await rig.venue.order(ref(order))

    result, state = tried(scenario, timeout_s=0.5)
    assert result.outcome is Outcome.UNKNOWN
    assert state is not None


def test_order_that_is_hidden_for_a_while_is_none_first_and_then_there():
    async def scenario(rig):
        break_it(rig, "hide_order", request=POST, seconds=0.3)
        order = limit("80")
        result = await rig.venue.submit(order)
        hidden = await rig.venue.order(ref(order))
        await asyncio.sleep(0.4)
        return result, hidden, await rig.venue.order(ref(order))

    result, hidden, found = tried(scenario)
    assert (result.outcome, hidden) == (Outcome.DONE, None)
    assert found is not None


@pytest.mark.parametrize("shift_ms", [-2000, 2000, 8000])
def test_clock_that_steps_is_put_right_and_the_order_sent_again_once(shift_ms):
    async def scenario(rig):
        break_it(rig, "clock_shift", shift_ms=shift_ms)
        return await rig.venue.submit(limit("80")), await posts(rig), rig.link.sync.offset_ms

    result, sent, offset_ms = tried(scenario)
    assert result.outcome is Outcome.DONE
    assert sent == (1 if shift_ms == 2000 else 2)
    if sent == 2:
        assert offset_ms == pytest.approx(shift_ms, abs=100)


@pytest.mark.parametrize("kind", ["duplicate_report", "fill_before_ack", "cancel_before_fill"])
def test_reports_are_passed_on_as_they_come(kind):
    async def scenario(rig):
        break_it(rig, kind)
        order = ticket(qty="2")
        await rig.venue.submit(order)
        await rig.pass_bars()
        return rig.heard.of(order.client_order_id), await rig.venue.fills(SYMBOL, 0), rig.heard.faults

    reports, fills, faults = tried(scenario)
    assert {report.fill.trade_id for report in reports if report.fill} == {fill.trade_id for fill in fills}
    assert faults == []


def test_fill_that_was_never_pushed_is_found_by_asking():
    async def scenario(rig):
        break_it(rig, "drop_fill")
        order = ticket(qty="2")
        await rig.venue.submit(order)
        await rig.pass_bars()
        return rig.heard.of(order.client_order_id), await rig.venue.fills(SYMBOL, 0), await rig.venue.order(ref(order))

    reports, (fill,), state = tried(scenario)
    assert not any(report.fill for report in reports)
    assert (fill.qty, fill.price, state.status) == (2, PRICE, VenueStatus.FILLED)


@pytest.mark.parametrize("kind", ["drop_user_stream", "cut", "terminate_user_stream", "malformed", "truncated"])
def test_reports_go_on_after_the_stream_was_lost(kind):
    async def scenario(rig):
        break_it(rig, kind, sockets="user")
        await until(lambda: rig.heard.streams == [UP, DOWN, UP])
        order = ticket()
        await rig.venue.submit(order)
        await rig.pass_bars()
        return rig.heard.of(order.client_order_id)

    assert tried(scenario)[-1].state.status is VenueStatus.FILLED


def test_mute_account_stream_is_found():
    async def scenario(rig):
        break_it(rig, "mute", sockets="user", seconds=60.0)
        await until(lambda: rig.heard.streams == [UP, MUTE, UP])

    tried(scenario, idle_s=0.5)


def test_outage_is_waited_out():
    async def scenario(rig):
        break_it(rig, "outage", seconds=0.5)
        assert (await rig.venue.submit(limit("80"))).outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT)
        with pytest.raises(RetryableError):
            await rig.venue.account()
        await until(lambda: rig.heard.streams == [UP, DOWN, UP])
        assert (await rig.venue.account()).balances[QUOTE].total == START[QUOTE]

    tried(scenario)


def test_announced_shutdown_is_gone_round_without_a_loss():
    async def scenario(rig):
        break_it(rig, "server_shutdown", sockets="user", seconds=0.3)
        await until(lambda: rig.heard.streams == [UP, UP])
        await asyncio.sleep(0.4)
        assert rig.heard.streams == [UP, UP]

    tried(scenario)


@pytest.mark.parametrize(("kind", "error"), [("rate_limit", RetryableError), ("ban", HaltTradingError)])
def test_nothing_is_asked_while_the_exchange_wants_nothing(kind, error):
    async def scenario(rig):
        break_it(rig, kind, seconds=30)
        with pytest.raises(error):
            await rig.venue.account()
        asked = await requests(rig)
        for _ in range(3):
            with pytest.raises(error):
                await rig.venue.account()
        result, canceled = await rig.venue.submit(limit("80")), await rig.venue.cancel(ref(ticket()))
        return result.outcome, canceled.outcome, await requests(rig) - asked

    assert tried(scenario) == (Outcome.NOT_SENT, Outcome.NOT_SENT, 0)


def test_keys_that_are_rejected_halt():
    async def scenario(rig):
        break_it(rig, "reject_keys", seconds=30)
        with pytest.raises(HaltTradingError, match="-2015"):
            await rig.venue.account()
        result = await rig.venue.submit(limit("80"))
        return result, await read_key_access(rig.link)

    result, access = tried(scenario)
    assert (result.outcome, result.code) == (Outcome.REFUSED, -2015)
    assert not access.accepted


def test_account_that_may_not_trade_says_so():
    async def scenario(rig):
        break_it(rig, "forbid_trading", seconds=0)
        return await rig.venue.submit(limit("80")), await rig.venue.account()

    result, account = tried(scenario)
    assert result.outcome is Outcome.REFUSED
    assert not account.can_trade


def test_changed_filter_and_halted_symbol_are_read_anew():
    async def scenario(rig):
        before = (await rig.venue.rules())[SYMBOL]
        break_it(rig, "change_filter", filter="PRICE_FILTER", values={"tickSize": "0.50"})
        break_it(rig, "halt_symbol")
        return before, (await rig.venue.rules())[SYMBOL], await rig.venue.submit(limit("80"))

    before, after, result = tried(scenario)
    assert (before.tick_size, before.is_trading) == (Decimal("0.01"), True)
    assert (after.tick_size, after.is_trading) == (Decimal("0.5"), False)
    assert result.outcome is Outcome.REFUSED


@pytest.mark.parametrize("kind", ["drop_market_stream", "malformed", "mute", "server_shutdown", "kline_duplicate"])
def test_bars_go_on_and_those_missed_are_the_same_by_asking(kind):
    async def scenario(rig):
        bars, feed = Bars(), BinanceFeed(rig.link, (SYMBOL,), "1m", idle_s=0.5 if kind == "mute" else 30.0)
        try:
            await feed.open(bars)
            start_ms = rig.clock.stands_ms
            await rig.pass_bars()
            break_it(rig, kind, sockets="market")
            if kind != "kline_duplicate":
                await until(lambda: bars.states[-1] is UP and len(bars.states) > 1)
            for _ in range(3):
                await rig.pass_bars()
            await until(lambda: bars.bars and bars.bars[-1].close_ts_ms == rig.clock.stands_ms)
            asked = await feed.bars(SYMBOL, start_ms, rig.clock.stands_ms)
            return bars, asked
        finally:
            await feed.close()

    bars, asked = tried(scenario)
    closed = {bar.open_ts_ms: bar for bar in bars.bars if bar.closed}
    assert [bar.open_ts_ms for bar in asked] == sorted(closed)
    assert [closed[bar.open_ts_ms] for bar in asked] == list(asked)
