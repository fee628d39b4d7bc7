"""Messages of the data streams; a time is in UTC milliseconds until it goes out.

Sources: https://docs.alpaca.markets/docs/real-time-stock-pricing-data,
https://docs.alpaca.markets/docs/real-time-crypto-pricing-data
"""

from __future__ import annotations

from typing import Any, Final

from keel.practice.alpaca.assets import Asset
from keel.practice.alpaca.state import AlpacaState

Message = dict[str, Any]
_SIZE: Final = 100
_COINS: Final = 1.0


def bar(asset: Asset, told: Message, kind: str = "b") -> Message:
    """Return a bar: `b` when it closes, `u` when it is revised, `d` of the day so far."""
    return {"T": kind, "S": asset.symbol, **told}


def trade(state: AlpacaState, asset: Asset, price: float | None) -> Message:
    """Return a trade at a price, or at the newest one."""
    found = state.market.last_price(asset.place) if price is None else price
    message = {"T": "t", "S": asset.symbol, "t": state.market.now_ms, "p": found}
    number = state.market.now_ms % 1_000_000_007
    if asset.is_crypto:
        return message | {"s": _COINS, "i": number, "tks": "B"}
    return message | {"s": _SIZE, "i": number, "x": "V", "c": ["@"], "z": "A"}


def quote(state: AlpacaState, asset: Asset, price: float | None) -> Message:
    """Return bid and ask around a price, or the newest one."""
    found = state.market.last_price(asset.place) if price is None else price
    half = state.config.spread.half_spread_bps / 1e4
    bid, ask = (state.market.on_tick(asset.place, found * (1 + side * half)) for side in (-1, 1))
    message = {"T": "q", "S": asset.symbol, "t": state.market.now_ms, "bp": bid, "ap": ask}
    if asset.is_crypto:
        return message | {"bs": _COINS, "as": _COINS}
    return message | {"bs": _SIZE, "as": _SIZE, "bx": "V", "ax": "V", "c": ["R"], "z": "A"}
