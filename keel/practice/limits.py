"""How much may be asked: request weight of an address, orders of an account, and what comes of asking too much.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
"""

from __future__ import annotations

import math
from typing import Any, Final

from keel.config.practice import LimitsSection
from keel.domain.clock import Clock
from keel.practice.refusals import Refusal

_MINUTE_S: Final = 60
_LONGEST_BAN_S: Final = 3 * 86_400
_ORDER_WINDOWS: Final = (("10S", 10, "SECOND", 10), ("1D", 86_400, "DAY", 1))
_GIVEN_BACK_TO_MAKERS: Final = 5
"""Orders taken off for the first fill of one that has rested, as in the exchange's example (order_count_decrement)."""
_OVER: Final = (
    "Too much request weight used; current limit is {} request weight per 1 MINUTE. Please use WebSocket Streams for "
    "live updates to avoid polling the API."
)
_BANNED: Final = (
    "Way too much request weight used; IP banned until {}. Please use WebSocket Streams for live updates to avoid bans."
)


class RequestLimits:
    """Count the weight of requests by the minute of real time; all come from one address, this machine."""

    def __init__(self, limits: LimitsSection, clock: Clock) -> None:
        self._limits, self._clock = limits, clock
        self._minute, self._used, self._ignored = -1, 0, 0
        self._closed_until_s = 0.0
        self._banned_until_s = 0.0
        self._next_ban_s = limits.ban_s

    def spend(self, weight: int) -> None:
        """Count a request. Refuses it with 429 above the limit, with 418 while the address is banned."""
        now_s = self._now_s()
        self._roll(now_s)
        if now_s < self._banned_until_s:
            raise self._ban_refusal(now_s)
        if now_s < self._closed_until_s:
            self._ignored += 1
            if self._ignored >= self._limits.ban_after:
                self.ban(self._next_ban_s)
                self._next_ban_s = min(2 * self._next_ban_s, _LONGEST_BAN_S)
                raise self._ban_refusal(now_s)
            raise self._closed_refusal(now_s)
        self._used += weight
        if self._used > self._limits.weight_1m:
            self.close(_MINUTE_S - now_s % _MINUTE_S)
            raise self._closed_refusal(now_s)

    def close(self, seconds: float) -> None:
        """Answer 429 for a time."""
        self._closed_until_s, self._ignored = self._now_s() + seconds, 0

    def ban(self, seconds: float) -> None:
        """Answer 418 for a time."""
        self._banned_until_s, self._closed_until_s = self._now_s() + seconds, 0.0

    @property
    def is_banned(self) -> bool:
        """Say whether the address is banned."""
        return self._now_s() < self._banned_until_s

    @property
    def headers(self) -> dict[str, str]:
        """Return what every answer says of the weight used."""
        self._roll(self._now_s())
        return {"X-MBX-USED-WEIGHT": str(self._used), "X-MBX-USED-WEIGHT-1M": str(self._used)}

    @property
    def as_json(self) -> dict[str, Any]:
        """Return the limit with its count, as answers on the WebSocket API have it."""
        return {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": self._limits.weight_1m,
            "count": self._used,
        }

    def _now_s(self) -> float:
        return self._clock.wall_ms() / 1000

    def _roll(self, now_s: float) -> None:
        minute = int(now_s // _MINUTE_S)
        if minute != self._minute:
            self._minute, self._used = minute, 0

    def _closed_refusal(self, now_s: float) -> Refusal:
        wait = {"Retry-After": str(math.ceil(self._closed_until_s - now_s))}
        return Refusal(-1003, _OVER.format(self._limits.weight_1m), 429, wait)

    def _ban_refusal(self, now_s: float) -> Refusal:
        wait = {"Retry-After": str(math.ceil(self._banned_until_s - now_s))}
        return Refusal(-1003, _BANNED.format(int(self._banned_until_s * 1000)), 418, wait)


class OrderLimits:
    """Count the orders of one account in ten seconds and in a day of real time."""

    def __init__(self, limits: LimitsSection, clock: Clock) -> None:
        self._most = {"10S": limits.orders_10s, "1D": limits.orders_1d}
        self._clock = clock
        self._counts = {name: (-1, 0) for name, *_ in _ORDER_WINDOWS}

    def spend(self, orders: int) -> None:
        """Count orders that are about to be placed. Refuses them with 429 above a limit."""
        now_s = self._clock.wall_ms() / 1000
        for name, seconds, _, _ in _ORDER_WINDOWS:
            if self._count(name, seconds) + orders > self._most[name]:
                told = f"Too many new orders; current limit is {self._most[name]} orders per {name}."
                raise Refusal(-1015, told, 429, {"Retry-After": str(math.ceil(seconds - now_s % seconds))})
        self._add(orders)

    def give_back(self, *, maker: bool) -> None:
        """Take an order that is filled for the first time off the counts; one that has rested takes others with it."""
        self._add(-(_GIVEN_BACK_TO_MAKERS if maker else 1))

    def _add(self, orders: int) -> None:
        now_s = self._clock.wall_ms() / 1000
        for name, seconds, _, _ in _ORDER_WINDOWS:
            self._counts[name] = (int(now_s // seconds), max(0, self._count(name, seconds) + orders))

    @property
    def headers(self) -> dict[str, str]:
        """Return what answers to orders say of the counts."""
        return {f"X-MBX-ORDER-COUNT-{name}": str(self._count(name, seconds)) for name, seconds, *_ in _ORDER_WINDOWS}

    @property
    def as_json(self) -> list[dict[str, Any]]:
        """Return the limits with their counts."""
        return [
            {
                "rateLimitType": "ORDERS",
                "interval": interval,
                "intervalNum": number,
                "limit": self._most[name],
                "count": self._count(name, seconds),
            }
            for name, seconds, interval, number in _ORDER_WINDOWS
        ]

    def _count(self, name: str, seconds: int) -> int:
        window, count = self._counts[name]
        return count if window == int(self._clock.wall_ms() / 1000 // seconds) else 0
