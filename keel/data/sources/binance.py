"""Binance's live bars: streamed as they come, asked for as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from keel.data.feed import FeedListener
from keel.data.sources.klines import bar_of_event, bar_of_row, base_timeframe
from keel.data.sources.longer_bars import LongerBars, whole_bars
from keel.domain.errors import RetryableError
from keel.domain.timeframe import timeframe_ms
from keel.domain.venue_messages import LiveBar
from keel.wire.binance_link import BinanceLink
from keel.wire.binance_rules import BinanceRules
from keel.wire.binance_streams import MarketConnection
from keel.wire.binance_symbols import BinanceSymbols
from keel.wire.supervisor import Supervisor

_PAGE: Final = 1000
_KLINES_WEIGHT: Final = 2
_STREAM_NUMBER: Final = 2
_USER: Final = "feed"


class BinanceFeed:
    """Be the `BarFeed` of Binance's spot market. A timeframe that Binance lacks is made of a shorter one's bars."""

    def __init__(self, link: BinanceLink, symbols: Sequence[str], timeframe: str, idle_s: float) -> None:
        """Take the way to Binance, our symbols, the timeframe and the silence that counts as dead, seconds.

        Raises UsageError for a timeframe that Binance's bars do not fill.
        """
        self._link = link
        self._ours = tuple(symbols)
        self._timeframe = timeframe
        self._base = base_timeframe(timeframe)
        self._idle_s = idle_s
        self._symbols = BinanceSymbols(link)
        self._longer: dict[str, LongerBars] = {}
        self._listener: FeedListener | None = None
        self._stream: Supervisor | None = None

    async def prepare(self) -> None:
        """Agree on the time and read the symbols. Raises RetryableError for no answer."""
        await self._link.open(_USER)
        await self._symbols.refresh()

    async def open(self, listener: FeedListener) -> None:
        """Connect and begin to hear bars. Raises RetryableError, or UsageError for a symbol that Binance lacks."""
        await self.prepare()
        self._listener = listener
        names = [f"{self._symbols.rules(symbol).wire_symbol.lower()}@kline_{self._base}" for symbol in self._ours]
        self._stream = Supervisor(
            connect=lambda: MarketConnection(self._link, names),
            hear=self._hear,
            tell=listener.on_feed,
            clock=self._link.clock,
            backoff=self._link.settings.backoff(_STREAM_NUMBER),
            idle_s=self._idle_s,
            open_within_s=2 * self._link.settings.timeout_s,
            before_up=self._fill_in,
        )
        await self._stream.start()

    async def close(self) -> None:
        """Let go of every connection."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.stop()
        await self._link.close(_USER)

    async def rules(self) -> Mapping[str, BinanceRules]:
        """Return the rules of every symbol as they are now, by our symbol. Raises RetryableError for no answer."""
        return await self._symbols.refresh()

    async def bars(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[LiveBar]:
        """Return the closed bars that open in [start_ms, end_ms), oldest first. Raises RetryableError for no answer."""
        if self._base == self._timeframe:
            return await self._read(symbol, start_ms, end_ms)
        frames = LongerBars(symbol, self._base, self._timeframe)
        length_ms = timeframe_ms(self._timeframe)
        first = frames.frame_ms(start_ms + length_ms - 1)
        after = frames.frame_ms(end_ms - 1) + length_ms
        parts = await self._read(symbol, first, after)
        return whole_bars(symbol, self._base, self._timeframe, parts)

    async def _read(self, symbol: str, start_ms: int, end_ms: int) -> list[LiveBar]:
        """Return the closed bars of the base timeframe, page by page."""
        found: list[LiveBar] = []
        while start_ms < end_ms:
            rows = await self._page(symbol, start_ms, end_ms)
            now_ms = self._now_ms()
            page = [self._checked(bar_of_row(symbol, row, now_ms)) for row in rows]
            found += [bar for bar in page if bar.closed and start_ms <= bar.open_ts_ms < end_ms]
            if len(page) < _PAGE:
                break
            start_ms = page[-1].open_ts_ms + 1
        return found

    async def _page(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[Sequence[Any]]:
        wire_symbol = self._symbols.rules(symbol).wire_symbol
        rows = await self._link.ask(
            _KLINES_WEIGHT,
            lambda client: client.get_klines(
                symbol=wire_symbol, interval=self._base, startTime=start_ms, endTime=end_ms - 1, limit=_PAGE
            ),
        )
        if not isinstance(rows, list):
            raise RetryableError(f"{symbol}: Binance's klines are no list")
        return rows

    async def _fill_in(self) -> None:
        """Read the parts of each longer bar that is under way: they closed before this connection was there."""
        if self._base == self._timeframe:
            return
        for symbol in self._ours:
            longer = self._longer.setdefault(symbol, LongerBars(symbol, self._base, self._timeframe))
            now_ms = self._now_ms()
            for part in await self._read(symbol, longer.frame_ms(now_ms), now_ms):
                self._tell(longer.add(part))

    def _checked(self, bar: LiveBar) -> LiveBar:
        if bar.close_ts_ms - bar.open_ts_ms != timeframe_ms(self._base):
            raise RetryableError(f"{bar.symbol}: Binance's bar from {bar.open_ts_ms} on is not as long as {self._base}")
        return bar

    def _now_ms(self) -> int:
        # by the exchange's clock: with ours ahead, its open bar would pass for a closed one
        return self._link.sync.market_ms()

    def _hear(self, event: dict[str, Any]) -> None:
        if event.get("e") != "kline":
            return
        symbol = self._symbols.name_of(str(event.get("s")))
        bar = self._checked(bar_of_event(symbol, event))
        longer = self._longer.get(symbol)
        self._tell([bar] if longer is None else longer.add(bar))

    def _tell(self, bars: Sequence[LiveBar]) -> None:
        if self._listener is not None:
            for bar in bars:
                self._listener.on_bar(bar)
