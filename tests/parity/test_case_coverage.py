"""The generated cases trade, and between them they reach every corner of the rules."""

from __future__ import annotations

from collections import Counter

import pytest

from keel.domain.orders import EventKind, PriceModel, Reason, RunStatus, TimeInForce, TradingState

from .sample import sampled_outcomes

DENIALS = [reason for reason in Reason if Reason.KILL_SWITCH <= reason <= Reason.NOT_SHORTABLE]
CLIPS = [Reason.REDUCING, Reason.MAX_ORDER, Reason.MAX_POSITION, Reason.MAX_GROSS, Reason.BUYING_POWER]
ENDS = [
    (EventKind.REJECTED, Reason.INSUFFICIENT_FUNDS),
    (EventKind.CANCELED, Reason.TARGET_CHANGED),
    (EventKind.CANCELED, Reason.IMMEDIATE_OR_CANCEL),
    (EventKind.CANCELED, Reason.END_OF_RUN),
    (EventKind.EXPIRED, Reason.SESSION_END),
]


def cases_with(kind: EventKind, reason: Reason = Reason.NONE) -> int:
    return sum(any((e.kind, e.reason) == (kind, reason) for e in out.events) for _, out in sampled_outcomes())


def test_most_cases_trade():
    assert cases_with(EventKind.FILLED) > 0.65 * len(sampled_outcomes())


def test_most_orders_fill():
    kinds = Counter(e.kind for _, out in sampled_outcomes() for e in out.events)
    assert kinds[EventKind.FILLED] > 0.7 * kinds[EventKind.SUBMITTED] > 3 * len(sampled_outcomes())


def test_many_orders_fill_in_parts():
    def in_parts(events) -> bool:
        return any(n > 1 for n in Counter(e.order_id for e in events if e.kind == EventKind.FILLED).values())

    assert sum(in_parts(out.events) for _, out in sampled_outcomes()) > 20


@pytest.mark.parametrize("reason", DENIALS, ids=lambda r: r.name)
def test_every_denial_occurs(reason: Reason):
    assert cases_with(EventKind.DENIED, reason) > 0


@pytest.mark.parametrize("reason", CLIPS, ids=lambda r: r.name)
def test_every_limit_clips_some_order(reason: Reason):
    assert cases_with(EventKind.SUBMITTED, reason) > 0


@pytest.mark.parametrize(("kind", "reason"), ENDS, ids=lambda v: v.name)
def test_every_refusal_and_every_end_of_an_order_occurs(kind: EventKind, reason: Reason):
    assert cases_with(kind, reason) > 0


def test_a_sell_sized_from_the_local_book_never_lacks_the_position_at_the_venue():
    """Sells on their way are counted against the local position, so the venue's own check has nothing to refuse."""
    assert cases_with(EventKind.REJECTED, Reason.INSUFFICIENT_POSITION) == 0


def test_responses_get_lost_in_some_cases():
    assert sum(out.timeouts > 0 for _, out in sampled_outcomes()) > 20


@pytest.mark.parametrize("state", list(TradingState), ids=lambda s: s.name)
def test_every_trading_state_is_reached(state: TradingState):
    assert any(out.trading_state == state for _, out in sampled_outcomes())


@pytest.mark.parametrize("status", [RunStatus.DONE, RunStatus.BANKRUPT], ids=lambda s: s.name)
def test_runs_end_both_ways(status: RunStatus):
    assert any(out.status == status for _, out in sampled_outcomes())


@pytest.mark.parametrize("model", list(PriceModel), ids=lambda m: m.name)
def test_every_price_model_fills_inside_bars(model: PriceModel):
    """A fill after the opening is where the models differ."""

    def fills_inside_a_bar(case, out) -> bool:
        return any(
            e.kind == EventKind.FILLED and e.ts_ms > case.rows[e.row].bars[e.instrument].open_ts_ms for e in out.events
        )

    assert any(case.price_model == model and fills_inside_a_bar(case, out) for case, out in sampled_outcomes())


@pytest.mark.parametrize("lifetime", list(TimeInForce), ids=lambda t: t.name)
def test_every_lifetime_trades(lifetime: TimeInForce):
    assert any(
        case.time_in_force == lifetime and any(e.kind == EventKind.FILLED for e in out.events)
        for case, out in sampled_outcomes()
    )
