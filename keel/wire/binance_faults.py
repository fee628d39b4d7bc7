"""What an error of the SDK means for the request it came of: refused, never sent, or not known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from keel.domain.errors import reason_of
from keel.domain.venue_messages import Outcome
from keel.wire.fault import Fault
from keel.wire.sdk import BinanceAPIException

LATE: Final = -1021
"""The stamp was outside recvWindow, or ahead of the exchange's clock: refused before anything was done."""
DUPLICATE: Final = -2010, "Duplicate order sent"
"""A new order under a name that is in use: something of that name lives, so it is queried, not taken for refused."""
NO_SUCH_ORDER: Final = -2013
CANCEL_REJECTED: Final = -2011
TOO_MANY_ORDERS: Final = -1015
_UNKNOWN_CODES: Final = frozenset({-1000, -1001, -1006, -1007, -1008, -1016})
"""Codes of the server's own trouble: what became of the request is not said (Binance's error page, HTTP 5XX)."""
_SHUT_OUT_CODES: Final = frozenset({-1002, -1022, -2014, -2015})
"""Wrong key, wrong secret, or a key without the permission or from the wrong address."""
_BANNED, _TOO_MANY, _WRONG_REGION = 418, 429, 451
_SERVER_TROUBLE: Final = 500
_AMBIGUOUS: Final = (403, 408, 409)
_BAN_S, _PAUSE_S = 120.0, 60.0
"""How long to ask nothing where the answer does not say: the shortest ban, and a limit's minute."""
_BANNED_UNTIL: Final = re.compile(r"banned until (\d{13})")


def fault_of(error: Exception, now_ms: int) -> Fault:
    """Return what an error of a request means; `now_ms` is our time. Anything not known for certain is UNKNOWN."""
    if isinstance(error, BinanceAPIException):
        return _answered(error, now_ms)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL):
        return Fault(Outcome.NOT_SENT, f"no connection: {reason_of(error)}")
    if isinstance(error, TimeoutError):
        return Fault(Outcome.UNKNOWN, "no answer in time")
    return Fault(Outcome.UNKNOWN, f"{type(error).__name__}: {reason_of(error)}")


def _answered(error: BinanceAPIException, now_ms: int) -> Fault:
    status, code = int(error.status_code), error.code if isinstance(error.code, int) and error.code < 0 else None
    text = str(error.message) if code is not None else f"an answer of status {status} that is no error of Binance's"
    reason = f"{code if code is not None else status}: {' '.join(text.split())[:160]}"
    if status in (_BANNED, _TOO_MANY):
        return _turned_away(error, status, code, reason, now_ms)
    unknown = code is None or code in _UNKNOWN_CODES or status >= _SERVER_TROUBLE or status in _AMBIGUOUS
    if code == DUPLICATE[0] and text.startswith(DUPLICATE[1]):
        unknown = True
    outcome = Outcome.UNKNOWN if unknown else Outcome.REFUSED
    shut_out = code in _SHUT_OUT_CODES or status == _WRONG_REGION
    return Fault(outcome, reason, code, status, shut_out, is_late=code == LATE)


def _turned_away(error: BinanceAPIException, status: int, code: int | None, reason: str, now_ms: int) -> Fault:
    banned = status == _BANNED
    # too many orders comes without Retry-After, and stops new orders only
    pause_s = None if code == TOO_MANY_ORDERS else _pause_s(error, reason, now_ms, banned=banned)
    full = code == TOO_MANY_ORDERS
    return Fault(Outcome.REFUSED, reason, code, status, pause_s=pause_s, banned=banned, orders_full=full)


def _pause_s(error: BinanceAPIException, reason: str, now_ms: int, *, banned: bool) -> float:
    response = error.response
    if isinstance(response, Mapping):  # of the WebSocket API: a moment, not a span
        until_ms = _retry_after_ms(response)
        if until_ms is not None:
            return max(0.0, (until_ms - now_ms) / 1000)
    else:
        text = response.headers.get("Retry-After", "") if response is not None else ""
        if text.isdigit():
            return float(text)
    told = _BANNED_UNTIL.search(reason)
    if told:
        return max(0.0, (int(told[1]) - now_ms) / 1000)
    return _BAN_S if banned else _PAUSE_S


def _retry_after_ms(response: Mapping[str, Any]) -> int | None:
    data = response.get("error", {}).get("data") or {}
    until = data.get("retryAfter") if isinstance(data, Mapping) else None
    return until if isinstance(until, int) else None
