"""The line for the venue's rate limits, with a real budget of 200 requests a minute, in a time that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
from chaos.virtual import VirtualClock, VirtualLoop

from keel.domain.layout import ORDER
from keel.domain.orders import OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import OrderTicket
from keel.live.flattening import until_orders_may_go
from keel.live.order_line import OrderLine
from keel.live.orders import TrackedOrder
from keel.wire.budget import Budget, RateRules, Spend
from keel.wire.rate_window import RateLimit
from keel.wire.retry_after import RetryAfter

RULES = RateRules("the venue", (RateLimit("RAW_REQUESTS", 60, 200),), lambda _: {})


class Rig:
    """Hold a line, its budget, and what went, with when, seconds from the start."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.clock = VirtualClock(loop)
        self.budget = Budget(self.clock, 0.2, RetryAfter(None, "http://127.0.0.1:1"), RULES)
        self.may_send = True
        self.line = OrderLine(self.clock, self.budget.order_wait_s, lambda: self.may_send)
        self.began_s = self.clock.monotonic_s()
        self.went: list[tuple[int, float]] = []
        self.stayed: list[str] = []

    async def use_up(self, requests: int) -> None:
        for _ in range(requests):
            await self.budget.acquire(Spend.READ, 1, 0.0)

    async def send(self, order: TrackedOrder) -> None:
        why_not = await self.line.wait(order)
        if why_not is not None:
            self.stayed.append(why_not)
            return
        await self.budget.acquire(Spend.ORDER, 1, 0.0)  # at once, or this raises
        self.went.append((order.order_id, self.clock.monotonic_s() - self.began_s))

    async def send_all(self, orders: list[TrackedOrder]) -> None:
        await asyncio.gather(*map(self.send, orders))


def order(number: int, *, opens: bool = True, reduce_only: bool = False) -> TrackedOrder:
    record = np.zeros(1, ORDER)[0]
    record["opening_qty"] = 1.0 if opens else 0.0
    ticket = OrderTicket(
        client_order_id=f"o{number}",
        symbol="AAPL",
        side=OrderSide.BUY if opens else OrderSide.SELL,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        qty=Decimal(1),
        decided_ts_ms=0,
        reduce_only=reduce_only,
        record=record,
    )
    return TrackedOrder(ticket, number, 0, 0)


def play(scenario: Callable[[Rig], Awaitable[None]]) -> Rig:
    loop = VirtualLoop()
    try:
        rig = Rig(loop)
        loop.run_until_complete(scenario(rig))
        return rig
    finally:
        loop.close()


def test_fifty_orders_go_at_once_while_there_is_room():
    orders = [order(number) for number in range(50)]
    rig = play(lambda rig: rig.send_all(orders))
    assert rig.went == [(number, 0.0) for number in range(50)]


def test_what_the_limits_hold_back_waits_in_its_order_and_none_is_dropped():
    async def scenario(rig: Rig) -> None:
        await rig.use_up(110)  # of the 140 that are kept neither for cancels nor for questions
        await rig.send_all([order(number) for number in range(50)])

    rig = play(scenario)
    assert [number for number, _ in rig.went] == list(range(50))
    assert [at_s for _, at_s in rig.went[:30]] == [0.0] * 30
    assert all(55.0 < at_s < 65.0 for _, at_s in rig.went[30:])
    assert not rig.stayed


def test_what_closes_goes_before_what_opens_whoever_came_first():
    async def scenario(rig: Rig) -> None:
        await rig.use_up(138)
        opening = [order(number) for number in range(5)]
        protecting = [order(20, reduce_only=True), order(21, opens=False)]
        await rig.send_all([*opening, *protecting])

    numbers = [number for number, _ in play(scenario).went]
    assert numbers == [0, 1, 20, 21, 2, 3, 4], "two had left before the last came"


def test_a_cancel_waits_behind_no_order():
    async def scenario(rig: Rig) -> None:
        await rig.use_up(160)
        waiting = asyncio.ensure_future(rig.send_all([order(number) for number in range(10)]))
        await rig.clock.sleep(1.0)
        before_s = rig.clock.monotonic_s()
        await rig.budget.acquire(Spend.CANCEL, 1, 0.0)
        assert rig.clock.monotonic_s() == before_s
        assert not rig.went
        await waiting

    assert len(play(scenario).went) == 10


def test_after_many_orders_what_became_of_them_can_still_be_asked():
    async def scenario(rig: Rig) -> None:
        waiting = asyncio.ensure_future(rig.send_all([order(number) for number in range(150)]))
        await rig.clock.sleep(1.0)
        before_s = rig.clock.monotonic_s()
        await rig.use_up(20)
        assert rig.clock.monotonic_s() == before_s
        await waiting

    assert len(play(scenario).went) == 150


def test_many_questions_let_orders_that_wait_go_first():
    async def scenario(rig: Rig) -> None:
        await rig.use_up(100)
        await rig.clock.sleep(30.0)
        await rig.use_up(60)
        asked = asyncio.ensure_future(rig.budget.acquire(Spend.READ, 1, 100.0))
        asked.add_done_callback(lambda _: rig.stayed.append(f"asked after {len(rig.went)}"))
        await rig.send_all([order(number) for number in range(10)])
        await asked

    assert play(scenario).stayed == ["asked after 10"]


def test_nothing_that_waits_goes_once_the_kill_switch_is_pulled():
    async def scenario(rig: Rig) -> None:
        await rig.use_up(160)
        waiting = asyncio.ensure_future(rig.send_all([order(number) for number in range(10)]))
        await rig.clock.sleep(30.0)
        rig.may_send = False
        await rig.clock.sleep(0.3)
        assert waiting.done(), "nobody waits for the minute to be over"

    rig = play(scenario)
    assert not rig.went
    assert rig.stayed == ["stopped before it was sent"] * 10


def test_a_run_that_stops_lets_only_what_protects_go_on_waiting():
    async def scenario(rig: Rig) -> None:
        await rig.use_up(160)
        orders = [order(1), order(2, opens=False), order(3, reduce_only=True)]
        waiting = asyncio.ensure_future(rig.send_all(orders))
        await rig.clock.sleep(1.0)
        assert [one.in_line for one in orders] == [True] * 3
        rig.line.close()
        await waiting
        assert [one.in_line for one in orders] == [False] * 3

    assert [number for number, _ in play(scenario).went] == [3]


def test_an_order_whose_turn_would_come_too_late_is_not_sent():
    async def scenario(rig: Rig) -> None:
        await rig.use_up(160)
        await rig.send_all([order(number) for number in range(170)])

    rig = play(scenario)
    assert [number for number, _ in rig.went] == list(range(140))
    assert len(rig.stayed) == 30
    assert "rate limits would have kept it for" in rig.stayed[0]


def test_an_order_that_closes_by_hand_waits_for_the_limits_too_and_not_for_ever():
    async def scenario(rig: Rig) -> None:
        await rig.use_up(160)
        await until_orders_may_go(SimpleNamespace(order_wait_s=rig.budget.order_wait_s), rig.clock)  # type: ignore[arg-type]
        await rig.budget.acquire(Spend.ORDER, 1, 0.0)
        went_s = rig.clock.monotonic_s() - rig.began_s
        assert 55.0 < went_s < 65.0
        await until_orders_may_go(SimpleNamespace(order_wait_s=lambda: 1e9), rig.clock)  # type: ignore[arg-type]
        assert 60.0 < rig.clock.monotonic_s() - rig.began_s - went_s < 80.0

    play(scenario)
