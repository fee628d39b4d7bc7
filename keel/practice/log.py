"""The log of what was served: a test can prove by it that no order endpoint was called."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any, Final

from keel.domain.clock import Clock

_KEPT: Final = 50_000
"""Entries kept; their counts are kept for ever."""


class ServiceLog:
    """Keep what was asked and answered, without parameters: no key, secret or signature is in it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._counts: Counter[str] = Counter()

    def note(self, kind: str, what: str, market_ms: int, **more: object) -> dict[str, Any]:
        """Note one thing: `kind` is request, socket or fault, `what` is such as `POST /api/v3/order`."""
        entry = {"kind": kind, "what": what, "wall_ms": self._clock.wall_ms(), "market_ms": market_ms, **more}
        self._entries.append(entry)
        self._counts[f"{kind} {what}"] += 1
        return entry

    @property
    def as_json(self) -> dict[str, Any]:
        """Return all there is: counts of everything, and the latest entries."""
        return {"counts": dict(self._counts), "entries": list(self._entries)}
