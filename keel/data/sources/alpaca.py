"""Alpaca's live bars: streamed as they come, asked for as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from keel.data.feed import FeedListener
from keel.data.sources.alpaca_bars import BY_SESSION, NATIVE, STREAMED, alpaca_base_timeframe, bar_of
from keel.domain.errors import RetryableError
from keel.domain.timeframe import MS_PER_DAY
from keel.domain.venue_messages import LiveBar, StreamState
from keel.wire.alpaca_assets import AlpacaAsset
from keel.wire.alpaca_client import AlpacaClient
from keel.wire.alpaca_link import AlpacaLink
from keel.wire.alpaca_streams import BarsConnection
from keel.wire.alpaca_symbols import AlpacaSymbols
from keel.wire.alpaca_times import rfc3339
from keel.wire.supervisor import Supervisor

Kind = Literal["stocks", "crypto"]
_PAGE: Final = 10_000
_STREAM_NUMBER: Final = 2
_SHARED_S: Final = 10.0
"""How long one answer serves the other symbols that are asked for over the same time: each once."""
_USER: Final = "feed"


class AlpacaFeed:
    """Be the `BarFeed` of Alpaca's stocks and crypto.

    Alpaca streams bars of a minute only, and none of a minute without a trade. Longer ones are asked for: the caller
    does, once they are due. A day's bar of a stock lasts from its session's open to its close. A bar that is revised
    half a minute later comes again, as any that comes twice.
    """

    def __init__(self, link: AlpacaLink, symbols: Sequence[str], timeframe: str, idle_s: float) -> None:
        """Take the way to Alpaca, our symbols, the timeframe and the silence that counts as dead, seconds.

        Raises UsageError for a timeframe that Alpaca does not have.
        """
        self._link = link
        self._timeframe = alpaca_base_timeframe(timeframe, symbols)
        self._idle_s = idle_s
        self._symbols = AlpacaSymbols(link)
        self._ours: dict[Kind, tuple[str, ...]] = {
            "stocks": tuple(symbol for symbol in symbols if "/" not in symbol),
            "crypto": tuple(symbol for symbol in symbols if "/" in symbol),
        }
        self._listener: FeedListener | None = None
        self._streams: dict[Kind, Supervisor] = {}
        self._states: dict[Kind, StreamState] = {}
        self._answer: tuple[tuple[Kind, int, int], float, dict[str, list[LiveBar]]] | None = None
        self._asked_s = float("-inf")

    async def prepare(self) -> None:
        """Agree on the time and read the assets. Raises RetryableError for no answer."""
        await self._link.open(_USER)
        await self._symbols.refresh()

    async def open(self, listener: FeedListener) -> None:
        """Connect and begin to hear bars. Raises RetryableError, or UsageError for a symbol that Alpaca lacks."""
        await self.prepare()
        self._listener = listener
        for kind in [kind for kind, symbols in self._ours.items() if symbols]:
            for symbol in self._ours[kind]:
                self._symbols.asset(symbol)
            self._streams[kind] = self._stream_of(kind)
            await self._streams[kind].start()

    async def close(self) -> None:
        """Let go of every connection."""
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            await stream.stop()
        await self._link.close(_USER)

    async def rules(self) -> Mapping[str, AlpacaAsset]:
        """Return the rules of every asset as they are now, by symbol. Raises RetryableError for no answer."""
        return await self._symbols.refresh()

    async def bars(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[LiveBar]:
        """Return the closed bars that open in [start_ms, end_ms), oldest first. Raises RetryableError for no answer.

        One question brings those of all our symbols of a kind: they are asked for one after another, over the same
        time, and a minute's budget is small.
        """
        kind: Kind = "crypto" if "/" in symbol else "stocks"
        asked = (kind, start_ms, end_ms)
        clock, known = self._link.clock, self._answer
        if known is None or known[0] != asked or clock.monotonic_s() - known[1] > _SHARED_S or symbol not in known[2]:
            await self._leave_pause()
            symbols = dict.fromkeys((*self._ours[kind], symbol))
            found = await self._read(kind, tuple(symbols), start_ms, end_ms)
            known = self._answer = (asked, clock.monotonic_s(), found)
        return known[2].pop(symbol)  # who asks for the same again is answered anew

    async def _leave_pause(self) -> None:
        """Ask less often once many questions were asked: in thin hours, or where a market is fast, each bar has one."""
        clock = self._link.clock
        left_s = self._asked_s + self._link.data.budget.pause_s() - clock.monotonic_s()
        if left_s > 0.0:
            await clock.sleep(left_s)
        self._asked_s = clock.monotonic_s()

    async def _read(self, kind: Kind, symbols: Sequence[str], start_ms: int, end_ms: int) -> dict[str, list[LiveBar]]:
        found: dict[str, list[LiveBar]] = {symbol: [] for symbol in symbols}
        token: str | None = None
        while start_ms < end_ms:
            page = await self._page(kind, symbols, start_ms, end_ms, token)
            now_ms = self._now_ms()
            for symbol, rows in page["bars"].items():
                bars = (bar_of(symbol, row, self._timeframe, now_ms) for row in rows)
                inside = [bar for bar in bars if bar.closed and start_ms <= bar.open_ts_ms < end_ms]
                found.setdefault(symbol, []).extend(inside)
            token = page.get("next_page_token")
            if token is None:
                break
        return found

    async def _page(
        self, kind: Kind, symbols: Sequence[str], start_ms: int, end_ms: int, token: str | None
    ) -> Mapping[str, Any]:
        query = {
            "symbols": ",".join(symbols),
            "timeframe": NATIVE[self._timeframe],
            # a day's bar is stamped by the midnight before its session opens
            "start": rfc3339(start_ms - start_ms % MS_PER_DAY if self._timeframe == BY_SESSION else start_ms),
            "end": rfc3339(end_ms - 1),
            "limit": _PAGE,
            "page_token": token,
            "sort": "asc",
        }
        answer = await self._link.data.ask(1, lambda client: self._ask(client, kind, query))
        if not isinstance(answer, Mapping) or not isinstance(answer.get("bars"), Mapping | None):
            raise RetryableError("Alpaca's bars are no bars by symbol")
        return {"bars": answer.get("bars") or {}, "next_page_token": answer.get("next_page_token")}

    async def _ask(self, client: AlpacaClient, kind: Kind, query: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        if kind == "crypto":
            return await client.crypto("/crypto/us/bars", **query)
        return await client.stocks("/stocks/bars", **query, feed=self._link.settings.feed, adjustment="raw")

    def _stream_of(self, kind: Kind) -> Supervisor:
        return Supervisor(
            connect=lambda: BarsConnection(self._link, kind, self._ours[kind]),
            hear=self._hear,
            tell=lambda state, reason: self._tell_state(kind, state, reason),
            clock=self._link.clock,
            backoff=self._link.settings.backoff(_STREAM_NUMBER + list(self._ours).index(kind)),
            idle_s=self._idle_s,
            open_within_s=2 * self._link.settings.timeout_s,
            renew_after_s=None,
        )

    def _tell_state(self, kind: Kind, state: StreamState, reason: str) -> None:
        """Tell of a stream; of two, that all is well only once both are up."""
        self._states[kind] = state
        wanted = [each for each, symbols in self._ours.items() if symbols]
        all_up = all(self._states.get(each) is StreamState.UP for each in wanted)
        if self._listener is not None and (all_up or state is not StreamState.UP):
            self._listener.on_feed(state, reason if len(wanted) == 1 else f"{kind}: {reason}")

    def _now_ms(self) -> int:
        # by the exchange's clock: with ours ahead, its open bar would pass for a closed one
        return self._link.sync.market_ms()

    def _hear(self, event: dict[str, Any]) -> None:
        if self._timeframe != STREAMED or self._listener is None:
            return
        symbol = self._symbols.name_of(str(event.get("S")))
        # a bar is streamed once it is over, whatever our clock says
        bar = bar_of(symbol, event, STREAMED, now_ms=0)
        self._listener.on_bar(closed(bar))


def closed(bar: LiveBar) -> LiveBar:
    """Return a bar as one that is over."""
    return LiveBar(**{name: getattr(bar, name) for name in LiveBar.__dataclass_fields__} | {"closed": True})
