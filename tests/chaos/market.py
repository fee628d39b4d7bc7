"""The truth behind the faults: bars that close every minute, and an account with exact decimals that fills on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random

from keel.domain.orders import OrderSide, OrderType
from keel.domain.venue_messages import (
    AccountState,
    Balance,
    LiveBar,
    OrderReport,
    OrderState,
    OrderTicket,
    VenueFill,
    VenueStatus,
)

from .virtual import START_MS, VirtualLoop

BAR_MS = 60_000
HISTORY = 12
TICK = Decimal("0.01")
STEP = Decimal("0.00001")
_TICKS_A_BAR = 6
_PARTS = 3


class Market:
    """Hold the bars of each symbol from HISTORY bars before the start on, drawn from a seed; prices on the grid."""

    def __init__(self, symbols: tuple[str, ...], bars: int, seed: int) -> None:
        self.symbols = symbols
        self.bars = {symbol: _walk(symbol, HISTORY + bars, Random(f"{seed} {symbol}")) for symbol in symbols}

    def price(self, symbol: str, ts_ms: int) -> Decimal:
        """Return the price at a moment: on the straight way from a bar's open to its close."""
        place = min(max((ts_ms - START_MS) // BAR_MS + HISTORY, 0), len(self.bars[symbol]) - 1)
        bar = self.bars[symbol][place]
        part = min(max((ts_ms - bar.open_ts_ms) / BAR_MS, 0.0), 1.0)
        return Decimal(bar.open + (bar.close - bar.open) * part).quantize(TICK, ROUND_HALF_EVEN)

    def closed(self, symbol: str, start_ms: int, end_ms: int, now_ms: int) -> list[LiveBar]:
        """Return the bars that open in [start, end) and have closed by now."""
        return [bar for bar in self.bars[symbol] if start_ms <= bar.open_ts_ms < end_ms and bar.close_ts_ms <= now_ms]


def _walk(symbol: str, n: int, rng: Random) -> list[LiveBar]:
    bars, last = [], round(rng.uniform(50, 500), 2)
    for k in range(n):
        close = round(last * (1 + rng.gauss(0, 0.004)), 2)
        high, low = round(max(last, close) * 1.001, 2), round(min(last, close) * 0.999, 2)
        start_ms = START_MS + (k - HISTORY) * BAR_MS
        volume = round(rng.uniform(10, 100), 3)
        bars.append(LiveBar(symbol, start_ms, start_ms + BAR_MS, last, high, low, close, volume, closed=True))
        last = close
    return bars


@dataclass
class BookOrder:
    """Hold an order at the venue. `shown_s` is the loop's time from which questions find it."""

    ticket: OrderTicket
    number: str
    shown_s: float
    status: VenueStatus = VenueStatus.WORKING
    filled: Decimal = Decimal(0)
    ts_ms: int = 0

    @property
    def left(self) -> Decimal:
        return self.ticket.qty - self.filled


class RefusedError(Exception):
    """The account does not take an order or a cancel."""


@dataclass(frozen=True)
class Manners:
    """Hold how an exchange keeps an account."""

    quote: str
    fee: Decimal
    """Told with a trade, as a part of its value."""
    names_end: bool
    """Whether a name may be used again once its order is over."""
    counts_trades: bool
    """Whether trades have numbers; else one is known by its order and what was filled of it by then."""


MANNERS = {
    "binance": Manners("USDT", Decimal("0.001"), names_end=True, counts_trades=True),
    "alpaca": Manners("USD", Decimal(0), names_end=False, counts_trades=False),
}


class AccountBook:
    """Keep one account: it fills market orders in parts within a second, limit orders when the price is there."""

    def __init__(
        self, loop: VirtualLoop, market: Market, seed: int, cash: Decimal, fee_in_base: bool, manners: Manners
    ) -> None:
        self._loop = loop
        self._market = market
        self._rng = Random(f"{seed} book")
        self._fee_in_base = fee_in_base
        self._manners = manners
        self.cash = cash
        self.held = {symbol: Decimal(0) for symbol in market.symbols}
        self.orders: list[BookOrder] = []
        self.fills: list[VenueFill] = []
        self.hear: Callable[[OrderReport], None] = lambda report: None
        loop.call_later(BAR_MS / 1000 / _TICKS_A_BAR, self._tick)

    @property
    def now_ms(self) -> int:
        return START_MS + int(self._loop.time() * 1000 + 1e-6)

    def accept(self, ticket: OrderTicket, hidden_s: float) -> BookOrder:
        """Take an order. Raises RefusedError."""
        known = self.open_orders() if self._manners.names_end else self.orders
        if any(one.ticket.client_order_id == ticket.client_order_id for one in known):
            raise RefusedError("duplicate order sent")
        price = ticket.limit_price or self._market.price(ticket.symbol, self.now_ms)
        needed = ticket.qty * price * Decimal("1.002") if ticket.side is OrderSide.BUY else ticket.qty
        if needed > self._free(ticket):
            raise RefusedError("account has insufficient balance for requested action")
        number = str(len(self.orders) + 1)
        order = BookOrder(ticket, number, self._loop.time() + hidden_s, ts_ms=self.now_ms)
        self.orders.append(order)
        self._tell(order)
        if ticket.type is OrderType.MARKET:
            self._fill_in_parts(order)
        return order

    def cancel(self, name: str) -> None:
        """Cancel the open order of a name. Raises RefusedError where there is none."""
        order = next((one for one in self.open_orders() if one.ticket.client_order_id == name), None)
        if order is None:
            raise RefusedError("unknown order sent")
        self._end(order, VenueStatus.CANCELED)

    def open_orders(self) -> list[BookOrder]:
        return [order for order in self.orders if not order.status.is_final]

    def named(self, name: str) -> BookOrder | None:
        return next((one for one in reversed(self.orders) if one.ticket.client_order_id == name), None)

    def state(self, order: BookOrder) -> OrderState:
        ticket = order.ticket
        return OrderState(
            symbol=ticket.symbol,
            client_order_id=ticket.client_order_id,
            venue_order_id=order.number,
            side=ticket.side,
            type=ticket.type,
            status=order.status,
            qty=ticket.qty,
            filled_qty=order.filled,
            limit_price=ticket.limit_price,
            trigger_price=ticket.trigger_price,
            ts_ms=order.ts_ms,
        )

    def account(self) -> AccountState:
        held = {self._manners.quote: self.cash, **{symbol.partition("/")[0]: qty for symbol, qty in self.held.items()}}
        balances = {asset: Balance(free=total, locked=Decimal(0)) for asset, total in held.items()}
        return AccountState(balances, can_trade=True, ts_ms=self.now_ms)

    def _free(self, ticket: OrderTicket) -> Decimal:
        same = [one for one in self.open_orders() if one.ticket.side is ticket.side]
        if ticket.side is OrderSide.SELL:
            return self.held[ticket.symbol] - sum(one.left for one in same if one.ticket.symbol == ticket.symbol)
        prices = ((one, one.ticket.limit_price or self._market.price(one.ticket.symbol, self.now_ms)) for one in same)
        return self.cash - sum((one.left * price for one, price in prices), Decimal(0))

    def _fill_in_parts(self, order: BookOrder) -> None:
        at_s = 0.0
        for part in range(self._rng.randint(1, _PARTS)):
            at_s += self._rng.choice((0.0, 0.001, 0.05, 0.4))
            last = part == _PARTS - 1
            self._loop.call_later(at_s, self._fill, order, Decimal(1) if last else Decimal("0.5"))
        self._loop.call_later(at_s + 0.001, self._fill, order, Decimal(1))

    def _fill(self, order: BookOrder, part: Decimal) -> None:
        if order.status.is_final:
            return
        ticket = order.ticket
        qty = order.left if part == 1 else max((order.left * part).quantize(STEP), STEP)
        qty = min(qty, order.left)
        price = ticket.limit_price or self._market.price(ticket.symbol, self.now_ms)
        if ticket.side is OrderSide.BUY and qty * price * Decimal("1.001") > self.cash:
            self._end(order, VenueStatus.EXPIRED)
            return
        order.filled += qty
        fill = self._book(order, qty, price)
        order.status = VenueStatus.PARTIAL if order.left else VenueStatus.FILLED
        order.ts_ms = self.now_ms
        self._tell(order, fill)

    def _book(self, order: BookOrder, qty: Decimal, price: Decimal) -> VenueFill:
        ticket = order.ticket
        in_base = self._fee_in_base and ticket.side is OrderSide.BUY
        rate = self._manners.fee
        fee = qty * rate if in_base else qty * price * rate
        self.cash -= ticket.side * qty * price + (Decimal(0) if in_base else fee)
        self.held[ticket.symbol] += ticket.side * qty - (fee if in_base else Decimal(0))
        fill = VenueFill(
            trade_id=str(len(self.fills) + 1) if self._manners.counts_trades else f"{order.number}:{order.filled}",
            symbol=ticket.symbol,
            client_order_id=ticket.client_order_id,
            venue_order_id=order.number,
            side=ticket.side,
            qty=qty,
            price=price,
            fee=fee,
            fee_currency=ticket.symbol.partition("/")[0] if in_base else self._manners.quote,
            maker=ticket.type is OrderType.LIMIT,
            ts_ms=self.now_ms,
        )
        self.fills.append(fill)
        return fill

    def _end(self, order: BookOrder, status: VenueStatus) -> None:
        order.status, order.ts_ms = status, self.now_ms
        self._tell(order)

    def _tick(self) -> None:
        self._loop.call_later(BAR_MS / 1000 / _TICKS_A_BAR, self._tick)
        for order in self.open_orders():
            limit = order.ticket.limit_price
            if limit is None:
                continue
            price = self._market.price(order.ticket.symbol, self.now_ms)
            if (limit - price) * order.ticket.side >= 0:
                self._fill(order, self._rng.choice((Decimal(1), Decimal("0.5"))))

    def _tell(self, order: BookOrder, fill: VenueFill | None = None) -> None:
        self.hear(OrderReport(self.state(order), self.now_ms, fill))
