"""What goes out to those who have subscribed to market streams, and what faults make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from keel.config.faults import Fault
from keel.domain.layout import BAR_PRESENT
from keel.practice.bar_path import corners
from keel.practice.market import Candle
from keel.practice.market_streams import book_message, kline_message, kline_stream, trade_message
from keel.practice.sockets import Socket
from keel.practice.state import VenueState

BAD_PRICES: Final = {"nan": float("nan"), "zero": 0.0, "negative": -1.0, "thousandfold": 1000.0}


class MarketFeed:
    """Tell the market as Binance's streams do."""

    def __init__(self, state: VenueState) -> None:
        self._state = state
        self._kept_back: list[tuple[str, dict[str, object]]] = []
        self._number = 0

    @property
    def listening(self) -> Sequence[Socket]:
        """Return the sockets that reports of orders go to."""
        return self._state.users.sockets

    def hears_all(self) -> bool:
        """Say whether somebody listens to the bars of every symbol."""
        streams, market = self._state.streams, self._state.market
        return all(any(streams.wants(kline_stream(name, one)) for one in market.intervals()) for name in market.names)

    def publish_late(self) -> None:
        """Tell what was held back until now: on this wire nothing is."""

    def next_ms(self) -> int | None:
        """Return None: nothing is held back."""
        return None

    def publish_open(self) -> None:
        """Tell bars that are open, and prices now."""
        market, streams = self._state.market, self._state.streams
        for i, name in enumerate(market.names):
            for interval in market.intervals():
                stream = kline_stream(name, interval)
                candle = market.open_candle(i, interval) if streams.wants(stream) else None
                if candle is not None:
                    streams.publish(stream, kline_message(name, interval, candle, market.now_ms))
            self._publish_prices(i, (market.last_price(i),))

    def publish_path(self, faults: list[Fault]) -> None:
        """Tell the prices of the bar that has just been played."""
        market = self._state.market
        for i, name in enumerate(market.names):
            bar = market.bars[market.row - 1, i]
            quiet = any(fault.kind == "stale" and fault.symbol in (None, name) for fault in faults)
            if bar["flags"] & BAR_PRESENT and not quiet:
                self._publish_prices(i, corners(bar))

    def _publish_prices(self, i: int, prices: tuple[float, ...]) -> None:
        market, streams = self._state.market, self._state.streams
        name = market.names[i]
        stream = f"{name.lower()}@"
        if not (streams.wants(stream + "trade") or streams.wants(stream + "bookTicker")):
            return
        half = self._state.config.spread.half_spread_bps / 1e4
        for price in prices:
            self._number += 1
            streams.publish(stream + "trade", trade_message(name, self._number, price, 1.0, market.now_ms))
            bid, ask = (market.on_tick(i, price * (1 + side * half)) for side in (-1, 1))
            streams.publish(stream + "bookTicker", book_message(name, self._number, bid, ask))

    def publish_closes(self, faults: list[Fault]) -> None:
        """Tell the bars that close now."""
        market = self._state.market
        held, self._kept_back = self._kept_back, []
        for i, name in enumerate(market.names):
            mine = [fault for fault in faults if fault.symbol in (None, name)]
            for interval in market.intervals():
                candle = market.closing(i, interval)
                if candle is not None:
                    self._publish_close(name, interval, candle, mine)
        for stream, message in held:
            self._state.streams.publish(stream, message)

    def _publish_close(self, name: str, interval: str, candle: Candle, faults: list[Fault]) -> None:
        stream, now_ms = kline_stream(name, interval), self._state.market.now_ms
        message = kline_message(name, interval, candle, now_ms)
        kinds = {fault.kind for fault in faults}
        if kinds & {"kline_gap", "stale"}:
            return
        if "kline_out_of_order" in kinds:
            self._kept_back.append((stream, message))
            return
        if "kline_revised" in kinds:
            wild = replace(candle, high=candle.high * 2, close=candle.close * 1.5, closed=False)
            self._state.streams.publish(stream, kline_message(name, interval, wild, now_ms))
        for fault in faults:
            if fault.kind == "bad_price":
                message = _with_bad_price(message, fault.price)
        for _ in range(1 + ("kline_duplicate" in kinds)):
            self._state.streams.publish(stream, message)


def _with_bad_price(message: dict[str, object], kind: str) -> dict[str, object]:
    kline = message["k"]
    if not isinstance(kline, dict):
        return message
    bad = {}
    for name in ("o", "h", "l", "c"):
        price = BAD_PRICES[kind] * float(kline[name])
        bad[name] = "NaN" if price != price else f"{price:.8f}"
    return message | {"k": kline | bad}
