"""What the doctor asks Binance, over the same way as trading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from keel.data.sources.klines import bar_of_row, base_timeframe
from keel.domain.errors import HaltTradingError, RetryableError, UsageError
from keel.domain.timeframe import timeframe_ms
from keel.domain.venue_messages import LiveBar
from keel.preflight.probe import FeeAnswer, HoldingsAnswer, KeyAnswer, TimeAnswer
from keel.venues.binance_reports import account_state, order_state
from keel.wire.binance_access import read_key_access
from keel.wire.binance_link import BinanceLink
from keel.wire.binance_questions import account, account_commission
from keel.wire.binance_rules import BinanceRules
from keel.wire.binance_symbols import BinanceSymbols

_LAST_BARS: Final = 5
_BPS: Final = 10_000
_KLINES_WEIGHT, _OPEN_ORDERS_WEIGHT = 2, 80
_USER: Final = "doctor"


class BinanceProbe:
    """Answer the questions of `VenueProbe`. A timeframe that Binance lacks is asked by the one it is made of."""

    def __init__(self, link: BinanceLink) -> None:
        self._link = link
        self._symbols = BinanceSymbols(link)
        self._account: Mapping[str, Any] | None = None

    async def time(self) -> TimeAnswer:
        """Measure the way to Binance and compare clocks."""
        sample = await self._link.sync.refresh()
        return TimeAnswer(sample.round_trip_ms, -sample.offset_ms)

    async def key(self) -> KeyAnswer:
        """Say what the key may do."""
        access = await read_key_access(self._link)
        if not access.accepted:
            raise HaltTradingError(access.reason)
        return KeyAnswer(can_trade=access.may_trade, can_withdraw=access.may_withdraw)

    async def fees(self) -> FeeAnswer:
        """Return what the account pays without a discount."""
        rates = account_commission(await self._of_account())
        return FeeAnswer(float(rates.taker * _BPS), float(rates.maker * _BPS))

    async def rules(self, symbols: Sequence[str]) -> Mapping[str, BinanceRules]:
        """Return Binance's rules of those of the symbols that it knows."""
        known = await self._symbols.refresh()
        return {symbol: known[symbol] for symbol in symbols if symbol in known}

    async def last_bars(self, symbol: str, timeframe: str) -> Sequence[LiveBar]:
        """Return the last few closed bars."""
        bars = await self._klines(symbol, timeframe, limit=_LAST_BARS + 1)
        # the last one is still open, by the market's clock, which in a rehearsal is not ours
        return bars[:-1]

    async def bar(self, symbol: str, timeframe: str, open_ts_ms: int) -> LiveBar | None:
        """Return the bar that opened at a time."""
        end_ms = open_ts_ms + timeframe_ms(base_timeframe(timeframe)) - 1
        bars = await self._klines(symbol, timeframe, startTime=open_ts_ms, endTime=end_ms, limit=1)
        return next((bar for bar in bars if bar.open_ts_ms == open_ts_ms), None)

    async def holdings(self) -> HoldingsAnswer:
        """Return what the account has and what works for it."""
        state = account_state(await self._of_account(), self._link.sync.venue_ms())
        orders = await self._link.ask(_OPEN_ORDERS_WEIGHT, lambda client: client.get_open_orders())
        return HoldingsAnswer(state.balances, tuple(order_state(each, self._symbols.name_of) for each in orders))

    async def close(self) -> None:
        """Let go of every connection."""
        await self._link.close(_USER)

    async def _of_account(self) -> Mapping[str, Any]:
        if self._account is None:
            self._account = await account(self._link)
        return self._account

    async def _klines(self, symbol: str, timeframe: str, **span: int) -> list[LiveBar]:
        try:
            name, interval = self._symbols.rules(symbol).wire_symbol, base_timeframe(timeframe)
        except UsageError as error:
            raise RetryableError(str(error)) from None
        rows = await self._link.ask(
            _KLINES_WEIGHT, lambda client: client.get_klines(symbol=name, interval=interval, **span)
        )
        return [bar_of_row(symbol, row, self._link.sync.venue_ms()) for row in rows]
