"""What holds after every scenario: nothing was sent twice, and our book is the venue's."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from rehearsal.stage import Outcome

from keel.domain.ids import ClientOrderId
from keel.journal.entries import FillBooked, OrderIntent

_CENTS = Decimal("0.00001")
_DUST = Decimal("0.00000001")


def check_all(outcome: Outcome, *, others: int = 0) -> None:
    """Check both. `others` is how many orders at the venue are not of our making."""
    no_exposure_is_doubled(outcome, others=others)
    our_book_is_the_venue_s(outcome)


def no_exposure_is_doubled(outcome: Outcome, *, others: int = 0) -> None:
    """Check that each intent has at most one order at the venue, and no order of ours is without an intent."""
    intents = {entry.ticket.client_order_id: entry.ticket for entry in outcome.of_kind(OrderIntent)}
    orders = outcome.there.orders
    names = Counter(order.name for order in orders)
    doubled = {name: count for name, count in names.items() if count > 1}
    assert not doubled, f"sent twice: {doubled}"
    ours = [name for name in names if ClientOrderId.parse(name) is not None]
    assert set(ours) <= set(intents), "an order without an intent"
    assert len(orders) - len(ours) == others
    for order in orders:
        ticket = intents.get(order.name)
        assert ticket is None or order.qty == ticket.qty


def our_book_is_the_venue_s(outcome: Outcome) -> None:
    """Check that the trades are booked once each, and that cash and holdings are the venue's less what is not ours."""
    told, quote = outcome.there, outcome.exchange.quote
    there = {(trade.symbol, trade.id): trade.qty for trade in told.trades}
    assert len(there) == len(told.trades), "two trades are known by one name"
    fills = [entry.fill for entry in outcome.of_kind(FillBooked)]
    here = {(fill.symbol.replace("/", ""), fill.trade_id): fill.qty for fill in fills}
    assert len(here) == len(fills), "a trade is booked twice"
    assert here == there, "our trades are not the venue's"
    runner = outcome.parts.runner
    assert not [order.name for order in runner.tracker.live()], "an order of ours is left open"
    other = runner.reconciler.holdings.other
    now = runner.trader.desk.account_now()
    positions, cash = now.position_qty, now.cash
    for symbol, qty in zip(runner.config.data.symbols, positions.tolist(), strict=True):
        base = symbol.partition("/")[0]
        off = told.balance(base) - other.get(base, Decimal(0)) - Decimal(repr(qty))
        assert abs(off) <= _DUST, f"{base}: off by {off}"
    cash_off = told.balance(quote) - other.get(quote, Decimal(0)) - Decimal(repr(cash))
    assert abs(cash_off) <= _CENTS, f"cash is off by {cash_off}"
