"""What an error of alpaca-py means for the request it came of: refused, never sent, or not known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NameResolutionError, NewConnectionError

from keel.domain.errors import reason_of
from keel.domain.venue_messages import Outcome
from keel.wire.alpaca_sdk import APIError
from keel.wire.fault import Fault

NOT_FOUND: Final = 404
UNPROCESSABLE: Final = 422
DUPLICATE: Final = "client_order_id must be unique"
"""A new order under a name that was used before: something of that name lives or lived, so it is queried."""
_FORBIDDEN, _UNAUTHORIZED, _TOO_MANY = 403, 401, 429
_REFUSED_ORDERS: Final = range(40_310_000, 40_320_000)
"""Codes of a 403 that is about an order: buying power, shares, opposite orders. Any other is about the key."""
_REFUSALS: Final = (400, _UNAUTHORIZED, _FORBIDDEN, NOT_FOUND, UNPROCESSABLE)
_PAUSE_S: Final = 60.0
"""How long to ask nothing where the answer does not say: the limit's minute."""


def fault_of(error: Exception, now_ms: int) -> Fault:
    """Return what an error of a request means; `now_ms` is our time. Anything not known for certain is UNKNOWN."""
    if isinstance(error, APIError):
        return _answered(error, now_ms)
    if isinstance(error, requests.exceptions.ConnectionError) and _never_left(error):
        return Fault(Outcome.NOT_SENT, f"no connection: {type(error).__name__}")
    if isinstance(error, TimeoutError | requests.exceptions.Timeout):
        return Fault(Outcome.UNKNOWN, "no answer in time")
    return Fault(Outcome.UNKNOWN, f"{type(error).__name__}: {reason_of(error)}")


def _never_left(error: requests.exceptions.ConnectionError) -> bool:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    kinds = (NewConnectionError, ConnectTimeoutError, NameResolutionError)
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, kinds)


def _answered(error: APIError, now_ms: int) -> Fault:
    response = error.response
    status = int(response.status_code) if response is not None else 0
    code, message = _told(str(error))
    if status == _TOO_MANY:
        pause_s = _pause_s(response.headers if response is not None else {}, now_ms)
        return Fault(Outcome.REFUSED, f"429: {message or 'too many requests'}", code, status, pause_s=pause_s)
    if message is None or status not in _REFUSALS:
        what = message or "an answer that is no error of Alpaca's"
        return Fault(Outcome.UNKNOWN, f"{status}: {what}", code, status)
    duplicate = status == UNPROCESSABLE and DUPLICATE in message
    shut_out = status == _UNAUTHORIZED or (status == _FORBIDDEN and code not in _REFUSED_ORDERS)
    outcome = Outcome.UNKNOWN if duplicate else Outcome.REFUSED
    return Fault(outcome, f"{code or status}: {message}", code, status, shut_out)


def _told(text: str) -> tuple[int | None, str | None]:
    """Return code and message of an error's body; no message where it is none of Alpaca's."""
    try:
        tree: Any = json.loads(text)
    except ValueError:
        return None, None
    message = tree.get("message") if isinstance(tree, Mapping) else None
    if not isinstance(message, str):
        return None, None
    code = tree.get("code")
    return (code if isinstance(code, int) else None), " ".join(message.split())[:160]


def _pause_s(headers: Mapping[str, str], now_ms: int) -> float:
    """Return how long nothing may be asked, seconds: Retry-After, else the time at which the limit begins anew."""
    after, reset = headers.get("Retry-After", ""), headers.get("X-RateLimit-Reset", "")
    if after.isdigit():
        return float(after)
    if reset.isdigit():
        return min(_PAUSE_S, max(1.0, int(reset) - now_ms / 1000))
    return _PAUSE_S
