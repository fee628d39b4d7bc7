"""One account as it has been told so far: balances, orders, trades; it turns events into reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.config.practice import PracticeAccount
from keel.domain.orders import EventKind, Reason
from keel.practice.amounts import exact, text
from keel.practice.ledger import Ledger
from keel.practice.limits import OrderLimits
from keel.practice.matching import Matching
from keel.practice.orders import Order, Trade
from keel.practice.symbol_rules import SymbolRules
from keel.practice.user_events import Message, account_position, balance_update, execution_report, list_status

_REJECTIONS: Final = {
    Reason.INSUFFICIENT_FUNDS: "INSUFFICIENT_BALANCES",
    Reason.INSUFFICIENT_POSITION: "INSUFFICIENT_BALANCES",
}


@dataclass(frozen=True, slots=True)
class OrderList:
    """Hold a one-cancels-other pair."""

    list_id: int
    name: str
    members: tuple[Order, Order]
    time_ms: int

    @property
    def is_open(self) -> bool:
        """Say whether something may still come of it."""
        return any(order.is_open for order in self.members)

    @property
    def as_json(self) -> dict[str, Any]:
        """Return the pair as queries tell it."""
        return {
            "orderListId": self.list_id,
            "contingencyType": "OCO",
            "listStatusType": "EXEC_STARTED" if self.is_open else "ALL_DONE",
            "listOrderStatus": "EXECUTING" if self.is_open else "ALL_DONE",
            "listClientOrderId": self.name,
            "transactionTime": self.time_ms,
            "symbol": self.members[0].symbol,
            "orders": [
                {"symbol": one.symbol, "orderId": one.order_id, "clientOrderId": one.client_id} for one in self.members
            ],
        }


class Numbers:
    """Count what the whole venue numbers: orders, lists, trades and executions."""

    def __init__(self) -> None:
        self.orders, self.lists, self.trades, self.executions = count(1), count(0), count(1), count(1)


class Account:
    """Hold an account. What it tells goes to `listener`; its key is found by the venue, not here."""

    def __init__(
        self,
        name: str,
        terms: PracticeAccount,
        ledger: Ledger,
        matching: Matching,
        limits: OrderLimits,
        rules: tuple[SymbolRules, ...],
        numbers: Numbers,
    ) -> None:
        self.name, self.terms, self.ledger, self.matching, self.limits = name, terms, ledger, matching, limits
        self.can_trade = True
        self.orders: dict[int, Order] = {}
        self.trades: list[Trade] = []
        self.lists: dict[int, OrderList] = {}
        self.updated_ms = 0
        self.listener: Callable[[Account, Message], None] = lambda _account, _message: None
        self._names: dict[str, list[Order]] = {}
        self._open: dict[int, Order] = {}
        self._rules, self._numbers = rules, numbers
        self._estimates: dict[int, Decimal] = {}

    def find(self, symbol: str, order_id: int | None, client_id: str | None) -> Order | None:
        """Return an order by its number, its name (the newest of it), or both."""
        if order_id is not None:
            found = self.orders.get(order_id)
            fits = found is not None and found.symbol == symbol and client_id in (None, found.client_id)
            return found if fits else None
        named = [order for order in self._names.get(client_id or "", ()) if order.symbol == symbol]
        return named[-1] if named else None

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Return open orders, oldest first."""
        return [order for order in self._open.values() if symbol in (None, order.symbol)]

    def is_open_name(self, client_id: str) -> bool:
        """Say whether an open order has this name."""
        return any(order.is_open for order in self._names.get(client_id, ()))

    def needs(self, order: Order, price: Decimal) -> tuple[str, Decimal]:
        """Return what an order locks: the asset and the amount, with `price` where it has none of its own."""
        rules = self._rules[order.instrument]
        if not order.is_buy:
            return rules.base, order.left
        return rules.quote, exact(order.left * (order.price or order.stop_price or price))

    def take(self, orders: tuple[Order, ...], price: Decimal, now_ms: int) -> None:
        """Take new orders, which have been checked: lock what they need, once for a pair, and send them on."""
        for order in orders:
            self.orders[order.order_id] = self._open[order.order_id] = order
            self._names.setdefault(order.client_id, []).append(order)
            self._estimates[order.order_id] = price
        self._lock(orders[0])
        self.updated_ms = now_ms
        for order in orders:
            self.matching.submit(order.ticket, now_ms)

    def cancel(self, order: Order, client_id: str, now_ms: int) -> None:
        """Ask for the end of an order, or of the pair it belongs to."""
        pair = self.lists.get(order.list_id)
        for one in (order,) if pair is None else pair.members:
            if one.is_open:
                one.cancel_client_id = client_id
                self.matching.cancel(one.order_id, now_ms)

    def begin_row(self, bars: NDArray[np.void], until_ms: int) -> None:  # noqa: ARG002 - nothing waits for an open
        """Begin a row, BAR (N,)."""
        self.matching.begin_row(bars)

    def end_row(self) -> None:
        """End the open row."""
        self.matching.end_row()

    def next_ms(self) -> int | None:
        """Return the earliest time at which there may be something to tell."""
        return self.matching.next_ms()

    @property
    def as_told(self) -> dict[str, Any]:
        """Return all that the owner should know by now."""
        return {
            "balances": self.ledger.as_json(),
            "orders": [order.as_state for order in self.orders.values()],
            "trades": [trade.as_json for trade in self.trades],
            "lists": [one.as_json for one in self.lists.values()],
            "simulated_equity": text(self.matching.equity),
        }

    def tell_due(self, now_ms: int, *, as_heard: bool) -> int:
        """Tell everything that may be heard by now; return how many messages that were."""
        told = 0
        for event in self.matching.due(now_ms, as_heard=as_heard):
            self._end_dust(event, now_ms)
            for message in self._tell(event, int(event["response_ts_ms"])):
                self.listener(self, message)
                told += 1
        return told

    def transfer(self, asset: str, change: Decimal, now_ms: int) -> None:
        """Pay in or out."""
        self.ledger.add(asset, change)
        self.updated_ms = now_ms
        self.listener(self, balance_update(asset, change, now_ms))
        self.listener(self, account_position(self.ledger, (asset,), now_ms, now_ms))

    def _tell(self, event: np.void, told_ms: int) -> Iterator[Message]:
        order, kind, ts_ms = self.orders[int(event["order_id"])], EventKind(int(event["kind"])), int(event["ts_ms"])
        trade, execution, reason = None, "NEW", "NONE"
        if kind is EventKind.FILLED:
            trade, execution = self._trade(order, event, ts_ms), "TRADE"
        elif kind is EventKind.TRIGGERED:
            order.is_working, order.working_ms = True, ts_ms
        elif kind is not EventKind.ACCEPTED:
            execution, reason = self._end(order, kind, Reason(int(event["reason"])))
        order.update_ms = self.updated_ms = ts_ms
        self._lock(order)
        number = next(self._numbers.executions)
        yield execution_report(order, execution, number, ts_ms, told_ms, reason, trade)
        if kind is not EventKind.TRIGGERED:
            rules = self._rules[order.instrument]
            yield account_position(self.ledger, (rules.base, rules.quote), ts_ms, told_ms)
        if event["final"] and order.is_open:
            yield self._end_short(order, ts_ms, told_ms)
        yield from self._tell_list(order, kind, ts_ms, told_ms)

    def _end_dust(self, event: np.void, now_ms: int) -> None:
        """End the partner of an order that is filled, where the matching has left it nothing but rounding."""
        pair = self.lists.get(self.orders[int(event["order_id"])].list_id)
        if pair is not None and event["final"]:
            for other in pair.members:
                if other.is_open and other.order_id != event["order_id"]:
                    self.matching.end_dust(other.order_id, now_ms)

    def _end_short(self, order: Order, ts_ms: int, told_ms: int) -> Message:
        """End an order of a pair that is done before it is full: its partner's fills have taken the rest."""
        order.status = "EXPIRED"
        self._lock(order)
        return execution_report(order, "EXPIRED", next(self._numbers.executions), ts_ms, told_ms)

    def _tell_list(self, order: Order, kind: EventKind, ts_ms: int, told_ms: int) -> Iterator[Message]:
        pair = self.lists.get(order.list_id)
        if pair is None:
            return
        starts = kind is EventKind.ACCEPTED and order is pair.members[-1]
        if starts or not (order.is_open or pair.is_open):
            done = not pair.is_open
            yield list_status(pair.list_id, pair.name, pair.members, done=done, ts_ms=ts_ms, told_ms=told_ms)

    def _end(self, order: Order, kind: EventKind, reason: Reason) -> tuple[str, str]:
        asked = kind is EventKind.CANCELED and reason is Reason.CLIENT_REQUEST
        if kind is EventKind.REJECTED:
            order.status = "REJECTED"
        else:
            order.status = "CANCELED" if asked else "EXPIRED"
        return order.status, _REJECTIONS.get(reason, "NONE")

    def _trade(self, order: Order, event: np.void, ts_ms: int) -> Trade:
        rules, price, quantity = self._rules[order.instrument], exact(event["price"]), exact(event["qty"])
        in_base = event["fee_qty"] > 0
        fee, asset = (event["fee_qty"], rules.base) if in_base else (event["fee"], rules.quote)
        trade = Trade(
            trade_id=next(self._numbers.trades),
            order_id=order.order_id,
            list_id=order.list_id,
            symbol=order.symbol,
            is_buy=order.is_buy,
            price=price,
            quantity=quantity,
            quote=exact(price * quantity),
            fee=exact(fee),
            fee_asset=asset,
            is_maker=bool(event["maker"]),
            time_ms=ts_ms,
        )
        if not order.trades:
            self.limits.give_back(maker=trade.is_maker)
        self.trades.append(trade)
        order.trades.append(trade)
        order.executed, order.quote = order.executed + quantity, order.quote + trade.quote
        order.status = "FILLED" if order.executed >= order.quantity else "PARTIALLY_FILLED"
        sign = 1 if order.is_buy else -1
        self.ledger.add(rules.base, sign * quantity)
        self.ledger.add(rules.quote, -sign * trade.quote)
        self.ledger.add(asset, -trade.fee)
        return trade

    def _lock(self, order: Order) -> None:
        """Lock what is left of an order; a pair locks once, for the one of its orders that is open."""
        pair = self.lists.get(order.list_id)
        members = (order,) if pair is None else pair.members
        opened = [one for one in members if one.is_open]
        for one in members:
            wanted = self.needs(one, self._estimates[one.order_id]) if one in opened[:1] else (self._rules[0].quote, 0)
            self.ledger.lock(one.order_id, wanted[0], Decimal(wanted[1]))
            if not one.is_open:
                self._open.pop(one.order_id, None)
