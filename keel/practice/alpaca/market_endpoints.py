"""Endpoints that tell the clock, the calendar, assets, and market data of stocks and coins.

Sources: https://docs.alpaca.markets/reference/legacyclock, https://docs.alpaca.markets/reference/legacycalendar,
https://docs.alpaca.markets/reference/stockbars, https://docs.alpaca.markets/reference/cryptobars-1
"""

from __future__ import annotations

import base64
import binascii
from datetime import date
from typing import Any, Final

from keel.domain.timeframe import MS_PER_DAY
from keel.practice.alpaca.assets import Asset
from keel.practice.alpaca.bars import as_rest
from keel.practice.alpaca.endpoints import Call, Handler
from keel.practice.alpaca.messages import quote, trade
from keel.practice.alpaca.refusals import Refusal, invalid, not_found
from keel.practice.alpaca.spelling import moment

_DAY_ONE: Final = date(1970, 1, 1)
_MOST_BARS, _USUAL_BARS = 10_000, 1000
_FEEDS: Final = ("iex", "sip", "boats", "otc", "delayed_sip")
_ADJUSTMENTS: Final = ("raw", "split", "dividend", "all")


async def clock(call: Call) -> dict[str, Any]:
    """Tell the market's time, and when stocks are traded."""
    hours, now_ms = call.state.hours, call.state.market.now_ms
    session = hours.session_at(now_ms)
    return {
        "timestamp": hours.local(now_ms).isoformat(),
        "is_open": hours.is_open(now_ms),
        "next_open": hours.local(hours.next_open_ms(now_ms)).isoformat(),
        "next_close": hours.local(session.close_ts_ms).isoformat(),
    }


async def calendar(call: Call) -> list[Any]:
    """Tell sessions."""
    days = [_day(call, name, usual) for name, usual in (("start", date.min), ("end", date.max))]
    hours = call.state.hours
    return [hours.told(one) for one in hours.between((days[0] - _DAY_ONE).days, (days[1] - _DAY_ONE).days)]


def _day(call: Call, name: str, usual: date) -> date:
    try:
        return date.fromisoformat(call.query[name][:10]) if name in call.query else usual
    except ValueError:
        raise invalid(f"invalid {name}: expected a date such as 2024-01-31") from None


async def assets(call: Call) -> list[Any]:
    """Tell what may be traded."""
    wanted = {key: call.query[key] for key in ("status", "asset_class", "exchange") if key in call.query}
    told = [one.as_json for one in call.state.assets]
    return [one for one in told if all(one[key.removeprefix("asset_")] == value for key, value in wanted.items())]


async def asset(call: Call) -> dict[str, Any]:
    """Tell one asset."""
    found = call.state.find(call.path["symbol"])
    if found is None:
        raise not_found(f"asset not found for {call.path['symbol'][:40]}")
    return found.as_json


async def bars(call: Call) -> dict[str, Any]:
    """Tell bars that are over, symbol by symbol, a page at a time."""
    for name, known in (("feed", _FEEDS), ("adjustment", _ADJUSTMENTS), ("sort", ("asc", "desc"))):
        if call.query.get(name, known[0]) not in known:
            raise Refusal(400, None, f"invalid {name}: {call.query[name][:20]}")
    now_ms, length = call.state.market.now_ms, call.query.get("timeframe", "")
    start, end = call.moment("start", now_ms // MS_PER_DAY * MS_PER_DAY), call.moment("end", now_ms)
    limit, page = call.whole("limit", _USUAL_BARS, _MOST_BARS), _Page.read(call.query.get("page_token"))
    told: dict[str, list[Any]] = {}
    last: _Page | None = None
    for one in _wanted(call):
        found = call.state.bars.between(one, length, start, end)
        for bar in found[::-1] if call.query.get("sort") == "desc" else found:
            if page.passes(one.symbol, bar["t"]):
                continue
            if limit == 0:
                return {"bars": told, "next_page_token": None if last is None else last.token}
            limit, last = limit - 1, _Page(one.symbol, bar["t"])
            told.setdefault(one.symbol, []).append(as_rest(bar))
    return {"bars": told, "next_page_token": None}


class _Page:
    """Hold the last bar that was told."""

    def __init__(self, symbol: str | None = None, stamp_ms: int = -1) -> None:
        self._symbol, self._stamp_ms, self._reached = symbol, stamp_ms, symbol is None

    @classmethod
    def read(cls, token: str | None) -> _Page:
        """Read a page token."""
        if not token:
            return cls()
        try:
            symbol, stamp = base64.urlsafe_b64decode(token).decode().split("|")
            page = cls(symbol, int(stamp))
        except (binascii.Error, ValueError):
            raise Refusal(400, None, "invalid page_token") from None
        return page

    @property
    def token(self) -> str:
        """Return what asks for the next page."""
        return base64.urlsafe_b64encode(f"{self._symbol}|{self._stamp_ms}".encode()).decode()

    def passes(self, symbol: str, stamp_ms: int) -> bool:
        """Say whether a bar was told on an earlier page."""
        if self._reached:
            return False
        self._reached = (symbol, stamp_ms) == (self._symbol, self._stamp_ms)
        return True


def _wanted(call: Call) -> list[Asset]:
    crypto = call.path.get("loc") is not None
    found = []
    for name in call.words("symbols"):
        one = call.state.find(name)
        if one is None or one.is_crypto is not crypto:
            raise Refusal(400, None, f"invalid symbol: {name[:40]}")
        found.append(one)
    if not found:
        raise Refusal(400, None, "symbols is required")
    return sorted(found, key=lambda one: one.symbol)


async def latest_bars(call: Call) -> dict[str, Any]:
    """Tell the newest bars."""
    newest = {one.symbol: call.state.bars.newest(one) for one in _wanted(call)}
    return {"bars": {symbol: as_rest(bar) for symbol, bar in newest.items() if bar is not None}}


async def latest_quotes(call: Call) -> dict[str, Any]:
    """Tell bids and asks made up around the newest prices."""
    return {"quotes": {one.symbol: _plain(quote(call.state, one, None)) for one in _wanted(call)}}


async def latest_trades(call: Call) -> dict[str, Any]:
    """Tell trades made up at the newest prices."""
    return {"trades": {one.symbol: _plain(trade(call.state, one, None)) for one in _wanted(call)}}


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    return {key: moment(value) if key == "t" else value for key, value in message.items() if key not in ("T", "S")}


MARKET: Final[dict[str, Handler]] = {
    "GET /v2/clock": clock,
    "GET /v2/calendar": calendar,
    "GET /v2/assets": assets,
    "GET /v2/assets/{symbol:.+}": asset,
    "GET /v2/stocks/bars": bars,
    "GET /v2/stocks/bars/latest": latest_bars,
    "GET /v2/stocks/quotes/latest": latest_quotes,
    "GET /v2/stocks/trades/latest": latest_trades,
    "GET /v1beta3/crypto/{loc}/bars": bars,
    "GET /v1beta3/crypto/{loc}/latest/bars": latest_bars,
    "GET /v1beta3/crypto/{loc}/latest/quotes": latest_quotes,
    "GET /v1beta3/crypto/{loc}/latest/trades": latest_trades,
}
