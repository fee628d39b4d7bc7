"""A row is played only where its orders and events have room; the engine makes room and asks again."""

from __future__ import annotations

import numpy as np
import pytest
from made_markets import Market, make_bars, make_run, make_slots, make_targets

from keel.domain.layout import ACTION, BAR, EVENT, MARK, ORDER
from keel.domain.orders import ActionKind, OrderStatus, RunStatus
from keel.sim import kernel_nb

PLENTY = 64


def status_after_a_row(
    n: int,
    *,
    order_room: int = PLENTY,
    tape_room: int = PLENTY,
    actions: int = 0,
    live: int = 0,
    told: tuple[int, int, int] = (0, 0, 0),
) -> RunStatus:
    """Ask the kernel for one row of `n` instruments with `live` orders, and return what became of the run.

    `told` is how many events have been delivered, drained and written.
    """
    bars = make_bars(np.random.default_rng(1), 1, n)
    run, slots, orders = make_run(), make_slots(n), np.zeros(order_room, ORDER)
    run["cash"] = run["equity"] = 1000.0
    slots["rate"] = 1.0
    run["n_orders"] = live
    orders["status"][:live] = OrderStatus.CANCELED
    slots["action_end"][0] = actions
    paid = np.zeros(actions, ACTION)
    paid["kind"] = ActionKind.FUNDING
    run["tape_head"], run["tape_drained"], run["tape_tail"] = told
    tape = np.zeros(tape_room, EVENT)
    tape["known_row"] = 0
    none = np.zeros((0, n))
    marks, no_weights = np.zeros(1, MARK), np.zeros(0)
    kernel_nb.play_nb(bars, np.zeros(0, BAR), paid, none, no_weights, none, marks, run, slots, orders, tape, 1)
    status = RunStatus(int(run["status"][0]))
    assert run["row"][0] == (1 if status is RunStatus.RUNNING else 0)
    return status


@pytest.mark.parametrize(("n", "order_room", "live"), [(1, 3, 0), (2, 6, 0), (2, 9, 3)])
def test_row_needs_room_for_three_orders_of_every_instrument(n: int, order_room: int, live: int):
    assert status_after_a_row(n, order_room=order_room, live=live) is RunStatus.RUNNING
    assert status_after_a_row(n, order_room=order_room - 1, live=live) is RunStatus.NO_ROOM


@pytest.mark.parametrize(("n", "actions", "live"), [(3, 0, 0), (2, 5, 0), (1, 1, 1)])
def test_row_needs_room_for_every_event_it_may_write(n: int, actions: int, live: int):
    """Nine an order, five an instrument, one for interest and one an action: sixteen in all three."""
    assert status_after_a_row(n, tape_room=16, actions=actions, live=live) is RunStatus.RUNNING
    assert status_after_a_row(n, tape_room=16, actions=actions + 1, live=live) is RunStatus.NO_ROOM


@pytest.mark.parametrize("told", [(24, 30, 40), (30, 24, 40), (40, 24, 40), (24, 24, 40)])
def test_events_take_room_until_they_are_delivered_and_drained(told: tuple[int, int, int]):
    """Of 32 places 16 are taken from the 24th event on; one more is one too many."""
    assert status_after_a_row(3, tape_room=32, told=told) is RunStatus.RUNNING
    delivered, drained, written = told
    one_more = (delivered - (delivered == 24), drained - (drained == 24), written)
    assert status_after_a_row(3, tape_room=32, told=one_more) is RunStatus.NO_ROOM


def test_what_is_told_leaves_the_ring_and_what_is_final_the_orders():
    rng = np.random.default_rng(5)
    market = Market(make_bars(rng, 400, 2), make_targets(rng, 400, 2), make_run(), make_slots(2))
    stepped, at_once = market.simulator(tape_room=64), market.simulator(tape_room=64)
    for weights in market.targets:
        stepped.advance()
        stepped.decide(weights)
    at_once.run(market.targets)
    for simulator in (stepped, at_once):
        assert len(simulator.events) > 300
        assert len(simulator._tape) <= 128
        assert simulator.run_record["n_orders"] <= 4
