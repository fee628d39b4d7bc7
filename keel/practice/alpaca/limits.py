"""How many requests an account may make a minute, by real time.

Source: https://alpaca.markets/support/usage-limit-api-calls (200 a minute, 429 above it)
"""

from __future__ import annotations

from typing import Final

from keel.domain.clock import Clock
from keel.practice.alpaca.refusals import too_many

_MINUTE_S: Final = 60


class RequestLimits:
    """Count the requests of each account by the minute of real time."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._most, self._clock = most, clock
        self._minute, self._used = -1, dict[str, int]()
        self._closed_until_s = 0.0

    def spend(self, account: str) -> None:
        """Count a request. Refuses it above the limit."""
        self._roll()
        self._used[account] = self._used.get(account, 0) + 1
        if self._used[account] > self._most or self._now_s() < self._closed_until_s:
            raise too_many()

    def close(self, seconds: float) -> None:
        """Refuse everything for a time."""
        self._closed_until_s = self._now_s() + seconds

    def headers(self, account: str) -> dict[str, str]:
        """Return what every answer says of the requests that are left."""
        self._roll()
        ends_s = max((self._minute + 1) * _MINUTE_S, int(self._closed_until_s))
        left = 0 if self._now_s() < self._closed_until_s else max(0, self._most - self._used.get(account, 0))
        return {
            "X-RateLimit-Limit": str(self._most),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(ends_s),
        }

    def _roll(self) -> None:
        minute = int(self._now_s() // _MINUTE_S)
        if minute != self._minute:
            self._minute, self._used = minute, {}

    def _now_s(self) -> float:
        return self._clock.wall_ms() / 1000
