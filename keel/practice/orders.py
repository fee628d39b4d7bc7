"""Orders and trades as the exchange tells them.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from keel.domain.orders import OrderType, TimeInForce
from keel.practice.amounts import ZERO, text
from keel.practice.matching import Ticket

OPEN: Final = ("NEW", "PARTIALLY_FILLED", "PENDING_CANCEL")
_TYPES: Final = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "STOP_LOSS": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
}
_LIVES: Final = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_BIPS: Final = 10_000.0
_ALGORITHMIC: Final = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT")


@dataclass(frozen=True, slots=True)
class Trade:
    """Hold one fill of an order."""

    trade_id: int
    order_id: int
    list_id: int
    symbol: str
    is_buy: bool
    price: Decimal
    quantity: Decimal
    quote: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    time_ms: int

    @property
    def as_json(self) -> dict[str, Any]:
        """Return the trade as the account's list of trades has it."""
        return {
            "symbol": self.symbol,
            "id": self.trade_id,
            "orderId": self.order_id,
            "orderListId": self.list_id,
            "price": text(self.price),
            "qty": text(self.quantity),
            "quoteQty": text(self.quote),
            "commission": text(self.fee),
            "commissionAsset": self.fee_asset,
            "time": self.time_ms,
            "isBuyer": self.is_buy,
            "isMaker": self.is_maker,
            "isBestMatch": True,
        }

    @property
    def as_fill(self) -> dict[str, Any]:
        """Return the trade as a full answer to a new order has it."""
        return {
            "price": text(self.price),
            "qty": text(self.quantity),
            "commission": text(self.fee),
            "commissionAsset": self.fee_asset,
            "tradeId": self.trade_id,
        }


@dataclass(slots=True)
class Order:
    """Hold an order as it has been told so far; it changes as the venue tells of it."""

    order_id: int
    instrument: int
    symbol: str
    client_id: str
    side: str
    kind: str
    time_in_force: str
    quantity: Decimal
    price: Decimal
    stop_price: Decimal
    trailing_bips: int | None
    quote_quantity: Decimal
    time_ms: int
    list_id: int = -1
    status: str = "NEW"
    is_working: bool = True
    executed: Decimal = ZERO
    quote: Decimal = ZERO
    update_ms: int = 0
    working_ms: int = -1
    cancel_client_id: str | None = None
    trades: list[Trade] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Say whether something may still come of it."""
        return self.status in OPEN

    @property
    def is_buy(self) -> bool:
        """Say whether it buys."""
        return self.side == "BUY"

    @property
    def waits_for_price(self) -> bool:
        """Say whether it is a stop or take-profit."""
        return self.kind in _ALGORITHMIC

    @property
    def left(self) -> Decimal:
        """Return the quantity that is not filled."""
        return self.quantity - self.executed

    @property
    def ticket(self) -> Ticket:
        """Return the order as the matching takes it."""
        trails = self.trailing_bips is not None
        return Ticket(
            order_id=self.order_id,
            instrument=self.instrument,
            name=self.client_id,
            is_buy=self.is_buy,
            kind=OrderType.TRAILING_STOP if trails else _TYPES[self.kind],
            life=None if self.kind == "MARKET" else _LIVES[self.time_in_force],
            quantity=self.quantity,
            opening=self.quantity if self.is_buy else ZERO,
            price=self.price,
            stop_price=self.stop_price,
            trail_rate=0.0 if self.trailing_bips is None else self.trailing_bips / _BIPS,
            list_id=self.list_id,
        )

    def _extras(self) -> dict[str, Any]:
        extras: dict[str, Any] = {}
        if self.waits_for_price:
            extras["stopPrice"] = text(self.stop_price)
        if self.trailing_bips is not None:
            extras |= {"trailingDelta": self.trailing_bips, "trailingTime": self.time_ms}
        return extras

    def _amounts(self) -> dict[str, Any]:
        return {
            "price": text(self.price),
            "origQty": text(self.quantity),
            "executedQty": text(self.executed),
            "origQuoteOrderQty": text(self.quote_quantity),
            "cummulativeQuoteQty": text(self.quote),
            "status": self.status,
            "timeInForce": self.time_in_force,
            "type": self.kind,
            "side": self.side,
        }

    @property
    def as_acknowledgement(self) -> dict[str, Any]:
        """Return the shortest answer to a new order."""
        return {
            "symbol": self.symbol,
            "orderId": self.order_id,
            "orderListId": self.list_id,
            "clientOrderId": self.client_id,
            "transactTime": self.time_ms,
        }

    @property
    def as_result(self) -> dict[str, Any]:
        """Return the answer to a new order that tells its state."""
        told = self.as_acknowledgement | self._amounts() | self._extras()
        return told | {"workingTime": self.working_ms, "selfTradePreventionMode": "NONE"}

    @property
    def as_full(self) -> dict[str, Any]:
        """Return the answer to a new order that tells its trades, too."""
        return self.as_result | {"fills": [trade.as_fill for trade in self.trades]}

    @property
    def as_state(self) -> dict[str, Any]:
        """Return the order as queries tell it."""
        return {
            "symbol": self.symbol,
            "orderId": self.order_id,
            "orderListId": self.list_id,
            "clientOrderId": self.client_id,
            **self._amounts(),
            "stopPrice": text(self.stop_price),
            "icebergQty": text(ZERO),
            "time": self.time_ms,
            "updateTime": self.update_ms,
            "isWorking": self.is_working,
            "workingTime": self.working_ms,
            "selfTradePreventionMode": "NONE",
            **self._extras(),
        }

    def as_canceled(self, client_id: str, now_ms: int) -> dict[str, Any]:
        """Return the answer to a request to cancel it, which has a name of its own."""
        return {
            "symbol": self.symbol,
            "origClientOrderId": self.client_id,
            "orderId": self.order_id,
            "orderListId": self.list_id,
            "clientOrderId": client_id,
            "transactTime": now_ms,
            **self._amounts(),
            **self._extras(),
            "selfTradePreventionMode": "NONE",
        }
