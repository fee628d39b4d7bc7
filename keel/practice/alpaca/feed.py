"""What goes out on the data streams, and what faults make of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from keel.config.faults import Fault
from keel.domain.layout import BAR_PRESENT
from keel.practice.alpaca.assets import Asset
from keel.practice.alpaca.messages import Message, bar, quote, trade
from keel.practice.alpaca.state import AlpacaState
from keel.practice.bar_path import corners
from keel.practice.market_feed import BAD_PRICES
from keel.practice.sockets import Socket

_REVISED_AFTER_MS: Final = 30_000
_MISSED: Final = 0.9
"""The part of the volume that a bar has before it is revised."""


class AlpacaFeed:
    """Tell the market as Alpaca's data streams do."""

    def __init__(self, state: AlpacaState) -> None:
        self._state = state
        self._kept_back: list[tuple[str, Message]] = []
        self._late: list[tuple[int, str, Message]] = []
        self._closed = 0

    @property
    def listening(self) -> Sequence[Socket]:
        """Return the sockets that reports of orders go to."""
        return self._state.trades.listening

    def hears_all(self) -> bool:
        """Say whether somebody listens to the bars of every symbol."""
        return all(self._state.data.wants("bars", asset.symbol) for asset in self._state.assets)

    def publish_open(self) -> None:
        """Tell prices now; a bar is told when it closes."""
        for asset in self._state.assets:
            if self._state.is_open(asset):
                self._publish_price(asset, None)

    def publish_path(self, faults: list[Fault]) -> None:
        """Tell the prices of the bar that has just been played."""
        market = self._state.market
        for asset in self._state.assets:
            played = market.bars[market.row - 1, asset.place]
            quiet = any(fault.kind == "stale" and fault.symbol in (None, *asset.names) for fault in faults)
            if played["flags"] & BAR_PRESENT and not quiet:
                for price in corners(played):
                    self._publish_price(asset, price)

    def publish_closes(self, faults: list[Fault]) -> None:
        """Tell the bars that close now."""
        held, self._kept_back = self._kept_back, []
        for asset in self._state.assets:
            told = self._state.bars.closing(asset)
            if told is not None:
                mine = [fault for fault in faults if fault.symbol in (None, *asset.names)]
                self._publish_close(asset, told, mine)
        for symbol, message in held:
            self._state.data.publish("bars", symbol, message)

    def publish_late(self) -> None:
        """Tell revised bars, half a minute after they closed."""
        due = [one for one in self._late if one[0] <= self._state.market.now_ms]
        self._late = [one for one in self._late if one[0] > self._state.market.now_ms]
        for _, symbol, message in due:
            self._state.data.publish("updatedBars", symbol, message)

    def next_ms(self) -> int | None:
        """Return when the next revised bar is told."""
        return min((one[0] for one in self._late), default=None)

    def _publish_price(self, asset: Asset, price: float | None) -> None:
        data = self._state.data
        if data.wants("trades", asset.symbol):
            data.publish("trades", asset.symbol, trade(self._state, asset, price))
        if data.wants("quotes", asset.symbol):
            data.publish("quotes", asset.symbol, quote(self._state, asset, price))

    def _publish_close(self, asset: Asset, told: Message, faults: list[Fault]) -> None:
        kinds = {fault.kind for fault in faults}
        if kinds & {"kline_gap", "stale"}:
            return
        message = bar(asset, told)
        self._closed += 1
        every = self._state.config.alpaca.revise_every
        if "kline_revised" in kinds:
            message = self._revise(asset, message, {"h": told["h"] * 2, "c": told["c"] * 1.5})
        elif every and self._closed % every == 0:
            volume = told["v"] * _MISSED
            message = self._revise(asset, message, {"v": volume if asset.is_crypto else int(volume)})
        for fault in faults:
            if fault.kind == "bad_price":
                message = message | {name: BAD_PRICES[fault.price] * message[name] for name in ("o", "h", "l", "c")}
        if "kline_out_of_order" in kinds:
            self._kept_back.append((asset.symbol, message))
            return
        for _ in range(1 + ("kline_duplicate" in kinds)):
            self._state.data.publish("bars", asset.symbol, message)
        if self._state.data.wants("dailyBars", asset.symbol):
            self._publish_day(asset)

    def _revise(self, asset: Asset, message: Message, first: dict[str, Any]) -> Message:
        """Return a bar as it is told at first; the right one comes later."""
        self._late.append((self._state.market.now_ms + _REVISED_AFTER_MS, asset.symbol, message | {"T": "u"}))
        return message | first

    def _publish_day(self, asset: Asset) -> None:
        day = self._state.bars.day_so_far(asset)
        if day is not None:
            self._state.data.publish("dailyBars", asset.symbol, bar(asset, day, "d"))
