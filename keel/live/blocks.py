"""Why nothing may be opened just now: a stream that is down, data that are stale, an order whose fate is open."""

from __future__ import annotations


class Blocks:
    """Keep the reasons by the part they come from; what closes a position is never held back by them."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def put(self, part: str, reason: str) -> bool:
        """Hold entries back for a part's reason; return whether that is new."""
        new = self._reasons.get(part) != reason
        self._reasons[part] = reason
        return new

    def lift(self, part: str) -> bool:
        """Let a part's reason go; return whether there was one."""
        return self._reasons.pop(part, None) is not None

    def set(self, part: str, reason: str | None) -> bool:
        """Put a part's reason, or lift it for None; return whether that changed anything."""
        return self.lift(part) if reason is None else self.put(part, reason)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return all reasons."""
        return tuple(self._reasons.values())

    def __bool__(self) -> bool:
        return bool(self._reasons)
