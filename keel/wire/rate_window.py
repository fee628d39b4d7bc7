"""One limit on how much may be asked in a time, and what of it is used."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

LimitKind: TypeAlias = Literal["REQUEST_WEIGHT", "RAW_REQUESTS", "ORDERS"]
_BUCKETS: Final = 60


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Hold one of the exchange's limits: at most `most` of a kind in any `interval_s`."""

    kind: LimitKind
    interval_s: int
    most: int


class RateWindow:
    """Count what was used of a limit in the last interval.

    The exchange counts by fixed intervals (each minute, each day); ours slides, so it is within whichever of them. Uses
    are kept in `_BUCKETS` parts of the interval, each counted until its last use is older than the interval: memory
    does not grow, and the error is on the safe side.
    """

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self._width_s = limit.interval_s / _BUCKETS
        self._uses: deque[list[int]] = deque()

    def used(self, now_s: float) -> int:
        """Return what counts now."""
        self._forget(now_s)
        return sum(amount for _, amount in self._uses)

    def add(self, now_s: float, amount: int) -> None:
        """Count a use."""
        self._forget(now_s)
        bucket = int(now_s // self._width_s)
        if self._uses and self._uses[-1][0] == bucket:
            self._uses[-1][1] += amount
        elif amount > 0:
            self._uses.append([bucket, amount])

    def learn(self, now_s: float, reported: int) -> None:
        """Take what the exchange has counted: others at our address may use the limit too."""
        beyond = reported - self.used(now_s)
        if beyond > 0:
            self.add(now_s, beyond)

    def wait_s(self, now_s: float, amount: int, most: float) -> float:
        """Return how long until `amount` more is within `most`, seconds; infinite if it never is."""
        if amount > most:
            return float("inf")
        over = self.used(now_s) + amount - most
        for bucket, held in self._uses:
            if over <= 0:
                break
            over -= held
            if over <= 0:
                return max(0.0, self._ends_s(bucket) - now_s)
        return 0.0

    def _ends_s(self, bucket: int) -> float:
        return (bucket + 1) * self._width_s + self.limit.interval_s

    def _forget(self, now_s: float) -> None:
        while self._uses and self._ends_s(self._uses[0][0]) <= now_s:
            self._uses.popleft()
