"""What the doctor asks Alpaca, over the same ways as trading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from keel.data.sources.alpaca import AlpacaFeed
from keel.domain.errors import RetryableError, UsageError
from keel.domain.timeframe import timeframe_ms
from keel.domain.venue_messages import LiveBar
from keel.preflight.probe import FeeAnswer, HoldingsAnswer, KeyAnswer, TimeAnswer
from keel.venues.alpaca_reports import account_state, may_trade, order_state
from keel.venues.wording import reading
from keel.wire.alpaca_assets import AlpacaAsset
from keel.wire.alpaca_link import AlpacaLink
from keel.wire.alpaca_symbols import AlpacaSymbols

_LAST_BARS: Final = 5
_LOOK_BACK: Final = 5000
"""Bars before now in which the last ones are looked for: a market is closed for days."""
_CRYPTO_TAKER_BPS, _CRYPTO_MAKER_BPS = 25.0, 15.0
"""What a regular customer pays for crypto, bps. Source: Alpaca's page on crypto fees. Stocks cost no commission."""
_USER: Final = "doctor"


class AlpacaProbe:
    """Answer the questions of `VenueProbe`."""

    def __init__(self, link: AlpacaLink) -> None:
        self._link = link
        self._symbols = AlpacaSymbols(link)
        self._asked: tuple[str, ...] = ()

    async def time(self) -> TimeAnswer:
        """Measure the way to Alpaca and compare clocks."""
        sample = await self._link.sync.refresh()
        return TimeAnswer(sample.round_trip_ms, -sample.offset_ms)

    async def key(self) -> KeyAnswer:
        """Say what the key may do. Alpaca has no keys that only read, and its keys withdraw nothing."""
        account = await self._account()
        with reading("Alpaca", "account"):
            return KeyAnswer(can_trade=may_trade(account), can_withdraw=False)

    async def fees(self) -> FeeAnswer:
        """Return what the traded symbols cost at the most: Alpaca does not tell an account's fees."""
        if any("/" in symbol for symbol in self._asked):
            return FeeAnswer(_CRYPTO_TAKER_BPS, _CRYPTO_MAKER_BPS)
        return FeeAnswer(0.0, 0.0)

    async def rules(self, symbols: Sequence[str]) -> Mapping[str, AlpacaAsset]:
        """Return Alpaca's rules of those of the symbols that it knows."""
        self._asked = tuple(symbols)
        known = await self._symbols.refresh()
        return {symbol: known[symbol] for symbol in symbols if symbol in known}

    async def last_bars(self, symbol: str, timeframe: str) -> Sequence[LiveBar]:
        """Return the last few closed bars."""
        now_ms = self._link.sync.venue_ms()
        start_ms = 0 if self._is_rehearsal else now_ms - _LOOK_BACK * timeframe_ms(timeframe)
        bars = await self._bars(symbol, timeframe, start_ms, now_ms)
        return bars[-_LAST_BARS:]

    async def bar(self, symbol: str, timeframe: str, open_ts_ms: int) -> LiveBar | None:
        """Return the bar that opened at a time."""
        bars = await self._bars(symbol, timeframe, open_ts_ms, open_ts_ms + 1)
        return next((bar for bar in bars if bar.open_ts_ms == open_ts_ms), None)

    async def holdings(self) -> HoldingsAnswer:
        """Return what the account has and what works for it."""
        positions = await self._link.ask(1, lambda client: client.get("/positions"))
        orders = await self._link.ask(1, lambda client: client.get("/orders", status="open", limit=500))
        state = account_state(await self._account(), positions, self._symbols.name_of, self._link.sync.venue_ms())
        return HoldingsAnswer(state.balances, tuple(order_state(each, self._symbols.name_of) for each in orders))

    async def close(self) -> None:
        """Let go of every connection."""
        await self._link.close(_USER)

    @property
    def _is_rehearsal(self) -> bool:
        """Say whether the market has a clock of its own, so that only it knows which bars are the last."""
        return self._link.settings.environment == "practice"

    async def _account(self) -> Mapping[str, Any]:
        account: Mapping[str, Any] = await self._link.ask(1, lambda client: client.get("/account"))
        return account

    async def _bars(self, symbol: str, timeframe: str, start_ms: int, end_ms: int) -> Sequence[LiveBar]:
        try:
            feed = AlpacaFeed(self._link, (symbol,), timeframe, idle_s=0.0)
        except UsageError as error:
            raise RetryableError(str(error)) from None
        return await feed.bars(symbol, start_ms, end_ms)
