"""One account as it has been told so far: holdings, orders, fills; it turns events into updates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.config.practice import PracticeAccount
from keel.domain.orders import EventKind, Reason
from keel.practice.alpaca.activities import Activities
from keel.practice.alpaca.assets import Asset
from keel.practice.alpaca.holdings import Holdings
from keel.practice.alpaca.hours import Hours
from keel.practice.alpaca.orders import Fill, Order, called_in, follows_split
from keel.practice.alpaca.spelling import amount, made_id, moment
from keel.practice.amounts import ZERO, exact, text
from keel.practice.matching import Matching

Update = dict[str, Any]
_DAYS_OF_FIVE_SESSIONS: Final = 10
_CANCELS: Final = (Reason.IMMEDIATE_OR_CANCEL, Reason.FILL_OR_KILL, Reason.AUCTION_OVER)
"""Reasons of an end that this venue tells as a cancel, not as the end of a day."""


class Account:
    """Hold an account. What it tells goes to `listener`; its key is found by the venue, not here."""

    def __init__(
        self,
        name: str,
        terms: PracticeAccount,
        assets: Sequence[Asset],
        holdings: Holdings,
        matching: Matching,
        hours: Hours,
    ) -> None:
        self.name, self.terms, self.holdings, self.matching, self.hours = name, terms, holdings, matching, hours
        self._assets = assets
        self.can_trade = True
        self.orders: dict[str, Order] = {}
        self.names: dict[str, Order] = {}
        self.fills: list[Fill] = []
        self.numbers = count(1)
        self.listener: Callable[[Account, Update], None] = lambda _account, _update: None
        self.activities = Activities(name, hours)
        self._ratios: dict[int, Decimal] = {}
        """New units for an old one in the newest split, by place."""
        self._opened_days: dict[int, int] = {}
        self._day_trades: list[int] = []
        self._by_number: dict[int, Order] = {}
        self._waiting: list[Order] = []

    @property
    def id(self) -> str:
        """Return its id."""
        return made_id("account", self.name)

    def open_orders(self, place: int | None = None) -> list[Order]:
        """Return open orders, oldest first."""
        return [one for one in self.orders.values() if one.is_open and place in (None, one.asset.place)]

    def take(self, order: Order, now_ms: int) -> None:
        """Take a new order, which has been checked: send it on, or let it wait for the market to open."""
        self._keep(order)
        self._by_number[order.number] = order
        if order.opens_ms is None:
            self.matching.submit(order.ticket, now_ms)
        else:
            self._waiting.append(order)

    def cancel(self, order: Order, now_ms: int) -> None:
        """Ask for the end of an order; one that waits for the market to open ends at once."""
        if order in self._waiting:
            self._waiting.remove(order)
            self._end(order, "canceled", now_ms)
            self._tell(order, "canceled", now_ms)
            return
        order.status = "pending_cancel"
        self.matching.cancel(order.number, now_ms)

    def replace(self, old: Order, new: Order, now_ms: int) -> None:
        """Put a new order, which has been checked, in the place of one: at once where that waits for the open."""
        new.replaces = old
        self._keep(new)
        if old in self._waiting:
            self._waiting[self._waiting.index(old)] = new
            self._succeed(old, new, now_ms, now_ms)
            return
        old.status = "pending_replace"
        self.matching.amend(old.number, new.quantity + old.executed, *self._new_prices(new), now_ms)

    @staticmethod
    def _new_prices(new: Order) -> tuple[Decimal, Decimal]:
        return new.entry.price or ZERO, new.entry.stop_price or ZERO

    # the market's course

    def begin_row(self, bars: NDArray[np.void], until_ms: int) -> None:
        """Begin a row, BAR (N,), which is played up to `until_ms` for now: who waits for its open is sent on."""
        for place, ratio in self.matching.splits_in(bars).items():
            self._before_split(place, ratio)
        self.matching.begin_row(bars)
        self._route(until_ms)

    def end_row(self) -> None:
        """End the open row."""
        self.matching.end_row()

    def next_ms(self) -> int | None:
        """Return the earliest time at which there may be something to tell."""
        times = [self.matching.next_ms(), *(order.opens_ms for order in self._waiting)]
        return min((one for one in times if one is not None), default=None)

    def tell_due(self, now_ms: int, *, as_heard: bool) -> int:
        """Tell everything that may be heard by now; return how many messages that were."""
        self._route(now_ms)
        told = 0
        for event in self.matching.due(now_ms, as_heard=as_heard):
            for update in self._updates(event):
                self.listener(self, update)
                told += 1
        self.holdings.cash = exact(self.holdings.cash - self.activities.due(now_ms))
        return told

    def day_trades(self, now_ms: int) -> int:
        """Return how many positions were opened and closed within a day, in the last five trading days."""
        today = self.hours.session_at(now_ms).day
        days = [session.day for session in self.hours.between(today - _DAYS_OF_FIVE_SESSIONS, today)][-5:]
        return sum(day in days for day in self._day_trades)

    @property
    def as_told(self) -> dict[str, Any]:
        """Return all that the owner should know by now."""
        return {
            "cash": amount(self.holdings.cash),
            "accrued_fees": amount(self.activities.accrued),
            "positions": [amount(one.quantity) for one in self.holdings.positions],
            "orders": [order.as_json for order in self.orders.values()],
            "fills": [fill.as_activity for fill in self.fills],
            "activities": [one.as_activity for one in self.activities.entries],
            "simulated_equity": text(self.matching.equity),
        }

    def _route(self, until_ms: int) -> None:
        for order in [one for one in self._waiting if one.opens_ms is not None and one.opens_ms <= until_ms]:
            self._waiting.remove(order)
            self.matching.submit(order.ticket, order.opens_ms or until_ms, arrives_ms=order.opens_ms)

    def _updates(self, event: np.void) -> Iterator[Update]:
        number, kind, ts_ms = int(event["order_id"]), EventKind(int(event["kind"])), int(event["ts_ms"])
        if number < 0:
            yield from self._broker_s_own(event, kind, ts_ms)
            return
        order = self._by_number[number]
        if kind is EventKind.ACCEPTED:
            if order.status in ("accepted", "pending_new"):
                order.status = "new"
            order.updated_ms = ts_ms
            yield self._update(order, "new", ts_ms)
        elif kind is EventKind.FILLED:
            yield self._fill(order, event, ts_ms)
        elif kind is EventKind.AMENDED:
            yield from self._amended(order, event, ts_ms)
        elif kind is EventKind.AMEND_REJECTED:
            yield from self._not_amended(order, ts_ms)
        elif kind is not EventKind.TRIGGERED:
            yield from self._ended(order, kind, Reason(int(event["reason"])), ts_ms)

    def _broker_s_own(self, event: np.void, kind: EventKind, ts_ms: int) -> Iterator[Update]:
        """Book what nobody ordered: what splits, dividends, interest and borrowing do, and sales for want of margin."""
        if kind is EventKind.FILLED:
            asset = self._assets[int(event["instrument"])]
            order = called_in(self.name, asset, is_buy=event["side"] > 0, quantity=exact(event["qty"]), ts_ms=ts_ms)
            self._keep(order)
            yield self._fill(order, event, ts_ms)
            return
        self._write(event, kind, ts_ms)
        self.holdings.cash = exact(self.holdings.cash + exact(event["cash"]))

    def _write(self, event: np.void, kind: EventKind, ts_ms: int) -> None:
        place, cash = int(event["instrument"]), exact(event["cash"])
        symbol = self._assets[place].symbol if place >= 0 else None
        if kind is EventKind.SPLIT and symbol is not None:
            self._split(place, symbol, event, ts_ms)
        elif kind is EventKind.DIVIDEND and symbol is not None:
            self.activities.dividend(symbol, exact(event["qty"]), exact(event["price"]), cash, ts_ms)
        elif kind is EventKind.INTEREST:
            self.activities.charge("INT", cash, "interest on what was borrowed", None, ts_ms)
        else:
            self.activities.charge("FEE", cash, "stock borrow fee", symbol, ts_ms)

    # splits

    def _before_split(self, place: int, ratio: float) -> None:
        """Do to good-till-canceled orders what the broker does in the night before a split.

        It cancels them before a reverse split; before a forward one it adjusts buy limits and sell stops, no others.
        """
        orders = [one for one in self.open_orders(place) if one.entry.life == "gtc" and one not in self._waiting]
        for order in orders:
            if ratio < 1.0:
                self.matching.cancel(order.number, self.matching.last_close_ms)
            elif not follows_split(order):
                self.matching.keep_terms(order.number, ratio)

    def _split(self, place: int, symbol: str, event: np.void, ts_ms: int) -> None:
        held, ratio = self.holdings.positions[place], exact(event["reference_price"])
        before, after = held.quantity, exact(event["qty"])
        if before:
            self.activities.split(symbol, before, after, exact(event["price"]), exact(event["cash"]), ts_ms)
        held.quantity = after
        held.paid = exact(held.paid / ratio) if after else ZERO
        self._ratios[place] = ratio

    def _adjust(self, order: Order, event: np.void, ts_ms: int) -> None:
        """Take the terms that a split leaves an order with; nobody is told."""
        price, stop, entry = exact(event["price"]), exact(event["reference_price"]), order.entry
        quantity = exact(event["qty"])
        if order.executed:
            order.executed = exact(order.executed * self._ratios.get(order.asset.place, Decimal(1)))
        order.opening = ZERO if order.opening == 0 else min(quantity, exact(order.opening * quantity / order.quantity))
        order.quantity, order.updated_ms = quantity, ts_ms
        order.entry = replace(
            entry,
            quantity=quantity,
            price=price if entry.price is not None else None,
            stop_price=stop if entry.stop_price is not None else None,
        )

    def _ended(self, order: Order, kind: EventKind, reason: Reason, ts_ms: int) -> Iterator[Update]:
        if kind is EventKind.REJECTED:
            word = "rejected"
        else:
            word = "canceled" if kind is EventKind.CANCELED or reason in _CANCELS else "expired"
        heir = order.replaced_by or next((one for one in self.open_orders() if one.replaces is order), None)
        self._end(order, word, ts_ms)
        yield self._update(order, word, ts_ms)
        if heir is not None and heir.is_open and heir.replaces is order:
            yield from self._reject_heir(heir, ts_ms)

    def _fill(self, order: Order, event: np.void, ts_ms: int) -> Update:
        price, quantity = exact(event["price"]), exact(event["qty"])
        order.executed, order.paid = order.executed + quantity, order.paid + exact(price * quantity)
        done = order.left <= 0 or bool(event["final"])
        fee, fee_quantity = exact(event["fee"]), exact(event["fee_qty"])
        change = quantity if order.is_buy else -quantity
        self.holdings.trade(order.asset.place, change, price, ZERO, fee_quantity)
        if not fee_quantity:
            self.activities.collect(fee, order.asset.symbol.replace("/", "") if order.asset.is_crypto else None, ts_ms)
        fill = Fill(
            made_id(self.name, "execution", len(self.fills)), order, price, quantity, order.executed, order.left, ts_ms
        )
        self.fills.append(fill)
        order.updated_ms = ts_ms
        self._count_day_trade(order, ts_ms)
        if done:
            self._end(order, "filled", ts_ms)
        elif order.status in ("new", "accepted", "pending_new"):
            order.status = "partially_filled"
        update = self._update(order, "fill" if done else "partial_fill", ts_ms)
        held = self.holdings.positions[order.asset.place].quantity
        return update | {
            "execution_id": fill.execution_id,
            "position_qty": amount(held),
            "price": amount(price),
            "qty": amount(quantity),
        }

    def _count_day_trade(self, order: Order, ts_ms: int) -> None:
        """Note what opens a position, and count what closes one that was opened on the same day; coins do not count."""
        day, place = self.hours.session_at(ts_ms).day, order.asset.place
        if order.opening > 0:
            self._opened_days[place] = day
        elif not order.asset.is_crypto and self._opened_days.pop(place, None) == day:
            self._day_trades.append(day)

    def _amended(self, order: Order, event: np.void, ts_ms: int) -> Iterator[Update]:
        heir = next((one for one in self.orders.values() if one.replaces is order and one.is_open), None)
        if heir is None:
            self._adjust(order, event, ts_ms)
            return
        self._succeed(order, heir, ts_ms, None)
        yield self._update(order, "replaced", ts_ms)
        yield self._update(heir, "new", ts_ms)

    def _not_amended(self, order: Order, ts_ms: int) -> Iterator[Update]:
        heir = next((one for one in self.orders.values() if one.replaces is order), None)
        if heir is None:
            return
        if order.is_open:
            order.status = "partially_filled" if order.executed else "new"
        yield from self._reject_heir(heir, ts_ms)

    def _reject_heir(self, heir: Order, ts_ms: int) -> Iterator[Update]:
        self._end(heir, "rejected", ts_ms)
        yield self._update(heir, "rejected", ts_ms)

    def _succeed(self, old: Order, new: Order, ts_ms: int, told_ms: int | None) -> None:
        old.replaced_by, old.status, old.updated_ms = new, "replaced", ts_ms
        old.ended_ms["replaced"] = ts_ms
        self._by_number[new.number] = new
        if told_ms is not None:
            self._tell(old, "replaced", ts_ms)
        else:
            new.status, new.updated_ms = "new", ts_ms

    def _keep(self, order: Order) -> None:
        self.orders[order.id] = self.names[order.client_id] = order

    @staticmethod
    def _end(order: Order, word: str, ts_ms: int) -> None:
        order.status, order.updated_ms = word, ts_ms
        order.ended_ms["failed" if word == "rejected" else word] = ts_ms

    def _tell(self, order: Order, word: str, ts_ms: int) -> None:
        self.listener(self, self._update(order, word, ts_ms))

    def _update(self, order: Order, word: str, ts_ms: int) -> Update:
        return {
            "event": word,
            "execution_id": made_id(order.id, word, len(order.ended_ms), amount(order.executed)),
            "order": order.as_json,
            "timestamp": moment(ts_ms),
        }
