"""Random faults between the adapter and the practice venue, over real sockets: whatever happens, nothing is doubled."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from practice_rig import PracticeRig, practice_rig
from rig import SYMBOL, until
from test_venue_contract import BUY, SELL, limit, ref, ticket

from keel.config.faults import Fault
from keel.domain.errors import RetryableError
from keel.domain.orders import OrderType
from keel.domain.venue_messages import OrderState, OrderTicket, Outcome, StreamState

SCHEDULES, STEPS = 300, 12
KINDS = (
    *("drop_response", "drop_request", "error_after", "error_instead", "slow"),
    *("duplicate_report", "drop_fill", "fill_before_ack", "cancel_before_fill"),
    *(
        "drop_user_stream",
        "terminate_user_stream",
        "malformed",
        "cut",
        "mute",
        "server_shutdown",
        "clock_shift",
        "burst",
    ),
)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_whatever_breaks_orders_are_what_the_venue_has(seed):
    asyncio.run(_schedule(seed))


def test_one_schedule_of_faults_of_each_soak_is_played_here():
    asyncio.run(_schedule(0))


async def _schedule(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - schedules, no secrets
    async with practice_rig(timeout_s=0.5, idle_s=0.6) as rig:
        sent: list[tuple[OrderTicket, Outcome]] = []
        for _ in range(STEPS):
            if chance.random() < 0.6:
                rig.practice.add_fault(_fault(chance))
            if chance.random() < 0.7:
                order = _order(chance)
                sent.append((order, (await rig.submit(order)).outcome))
            elif sent:
                await rig.venue.cancel(ref(chance.choice(sent)[0]))
            await _pass(rig)
        await until(lambda: rig.heard.streams[-1] is StreamState.UP)
        await asyncio.sleep(0.3)
        await _check(rig, sent, seed)


def _fault(chance: random.Random) -> Fault:
    kind = chance.choice(KINDS)
    more: dict[str, Any] = {"shift_ms": chance.choice([-3000, 3000])} if kind == "clock_shift" else {}
    if kind in KINDS[:5]:
        more["request"] = chance.choice(["POST /api/v3/order", "DELETE /api/v3/order"])
    return Fault.model_validate({"kind": kind, "seconds": 0.2, "sockets": "user"} | more)


def _order(chance: random.Random) -> OrderTicket:
    side, qty = chance.choice([BUY, SELL]), f"0.{chance.randint(100, 999)}"
    return chance.choice(
        [
            ticket(side=side, qty=qty),
            limit("91", BUY, qty=qty),
            limit("110", SELL, qty=qty),
            ticket(OrderType.STOP, BUY, qty=qty, trigger_price=115),
            ticket(OrderType.TRAILING_STOP, SELL, qty=qty, trail_rate="0.05"),
        ]
    )


async def _pass(rig: PracticeRig) -> None:
    before = await rig._clock()
    async with rig.http.post(f"{rig.practice.address}/practice/decided", json={"close_ts_ms": before["market_ms"]}):
        await rig._until_row(before["row"] + 1)


async def _check(rig: PracticeRig, sent: list[tuple[OrderTicket, Outcome]], seed: int) -> None:
    async with rig.http.get(f"{rig.practice.address}/practice/accounts") as answer:
        truth = next(iter((await answer.json()).values()))
    named: dict[str, list[dict[str, Any]]] = {}
    for order in truth["orders"]:
        named.setdefault(order["clientOrderId"], []).append(order)
    for order, outcome in sent:
        there = named.get(order.client_order_id, [])
        assert len(there) <= 1, (seed, order)
        assert len(there) == 1 or outcome is not Outcome.DONE, (seed, order)
        assert not there or outcome not in (Outcome.NOT_SENT, Outcome.REFUSED), (seed, order, outcome)
        state = await _asked(rig, order)
        assert (state is None) == (not there), (seed, order)
        assert state is None or f"{state.filled_qty:f}" == there[0]["executedQty"], (seed, order)
    fills = {fill.trade_id: fill for fill in await rig.venue.fills(SYMBOL, 0)}
    assert set(fills) == {str(trade["id"]) for trade in truth["trades"]}, seed
    told = [report.fill for report in rig.heard.reports if report.fill is not None]
    assert all(fills[fill.trade_id] == fill for fill in told), seed


async def _asked(rig: PracticeRig, order: OrderTicket) -> OrderState | None:
    try:
        return await rig.venue.order(ref(order))
    except RetryableError:
        await asyncio.sleep(0.2)
        return await rig.venue.order(ref(order))
