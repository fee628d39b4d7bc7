"""What the doctor asks Binance, over the same way as trading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from keel.domain.errors import RetryableError
from keel.domain.orders import OrderSide
from keel.domain.timeframe import timeframe_ms
from keel.domain.venue_messages import Balance, LiveBar, OrderState, VenueStatus
from keel.preflight.probe import FeeAnswer, HoldingsAnswer, KeyAnswer, TimeAnswer
from keel.wire import binance_questions
from keel.wire.binance_link import BinanceLink
from keel.wire.binance_rules import BinanceRules

_LAST_BARS: Final = 5
_BPS: Final = 10_000
_USER: Final = "doctor"
_STATUS: Final = {"PARTIALLY_FILLED": VenueStatus.PARTIAL}


class BinanceProbe:
    """Answer the questions of `VenueProbe`. One account answer serves key, fees and holdings."""

    def __init__(self, link: BinanceLink) -> None:
        self._link = link
        self._account: Mapping[str, Any] | None = None

    async def time(self) -> TimeAnswer:
        """Measure the way to Binance and compare clocks."""
        sample = await self._link.sync.refresh()
        return TimeAnswer(sample.round_trip_ms, -sample.offset_ms)

    async def key(self) -> KeyAnswer:
        """Say what the key may do."""
        account = await self._of_account()
        told = await binance_questions.key_permissions(self._link)
        if told is None:
            return KeyAnswer(can_trade=account.get("canTrade") is True, can_withdraw=None)
        may_trade = account.get("canTrade") is True and told.get("enableSpotAndMarginTrading") is True
        # anything but a clear no counts as a yes
        return KeyAnswer(can_trade=may_trade, can_withdraw=told.get("enableWithdrawals") is not False)

    async def fees(self) -> FeeAnswer:
        """Return what the account pays without a discount."""
        rates = binance_questions.account_commission(await self._of_account())
        return FeeAnswer(float(rates.taker * _BPS), float(rates.maker * _BPS))

    async def rules(self, symbols: Sequence[str]) -> Mapping[str, BinanceRules]:
        """Return Binance's rules of those of the symbols that it knows."""
        return await binance_questions.rules_of_symbols(self._link, symbols)

    async def last_bars(self, symbol: str, timeframe: str) -> Sequence[LiveBar]:
        """Return the last few closed bars."""
        rows = await binance_questions.klines(self._link, symbol, timeframe, limit=_LAST_BARS + 1)
        # the last row is the bar that is still open: by the market's clock, which in a rehearsal is not ours
        return [self._bar(symbol, timeframe, row) for row in rows[:-1]]

    async def bar(self, symbol: str, timeframe: str, open_ts_ms: int) -> LiveBar | None:
        """Return the bar that opened at a time."""
        end_ms = open_ts_ms + timeframe_ms(timeframe)
        rows = await binance_questions.klines(
            self._link, symbol, timeframe, start_ms=open_ts_ms, end_ms=end_ms, limit=1
        )
        bars = [self._bar(symbol, timeframe, row) for row in rows]
        return bars[0] if bars and bars[0].open_ts_ms == open_ts_ms else None

    async def holdings(self) -> HoldingsAnswer:
        """Return what the account has and what works for it."""
        account = await self._of_account()
        orders = await binance_questions.open_orders(self._link)
        try:
            balances = {
                str(entry["asset"]): Balance(Decimal(entry["free"]), Decimal(entry["locked"]))
                for entry in account["balances"]
            }
            return HoldingsAnswer(balances, tuple(map(_order, orders)))
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise RetryableError(f"Binance's account cannot be read: {type(error).__name__}") from None

    async def close(self) -> None:
        """Let go of every connection."""
        await self._link.close(_USER)

    async def _of_account(self) -> Mapping[str, Any]:
        if self._account is None:
            self._account = await binance_questions.account(self._link)
        return self._account

    def _bar(self, symbol: str, timeframe: str, row: Sequence[Any]) -> LiveBar:
        return binance_questions.bar_of(symbol, row, timeframe_ms(timeframe), self._link.sync.venue_ms())


def _order(entry: Mapping[str, Any]) -> OrderState:
    price, trigger = Decimal(entry["price"]), Decimal(entry.get("stopPrice", "0"))
    return OrderState(
        symbol=str(entry["symbol"]),
        client_order_id=str(entry["clientOrderId"]),
        venue_order_id=str(entry["orderId"]),
        side=OrderSide[entry["side"]],
        type=None,
        status=_STATUS.get(entry["status"], VenueStatus.WORKING),
        qty=Decimal(entry["origQty"]),
        filled_qty=Decimal(entry["executedQty"]),
        limit_price=price if price else None,
        trigger_price=trigger if trigger else None,
        ts_ms=int(entry["time"]),
    )
