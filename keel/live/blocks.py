"""Why nothing may be opened just now: a stream that is down, data that are stale, an order whose fate is open."""

from __future__ import annotations


class Blocks:
    """Keep the reasons by the part they come from; what closes a position is never held back by them.

    A reason is a fault, or it is as planned: a market that is closed at night holds entries back, and all is well.
    """

    def __init__(self) -> None:
        self._faults: dict[str, str] = {}
        self._planned: dict[str, str] = {}
        self._partial: dict[str, str] = {}

    def put(self, part: str, reason: str) -> bool:
        """Hold entries back for a part's fault; return whether that is new."""
        new = self._faults.get(part) != reason
        self._faults[part] = reason
        return new

    def lift(self, part: str) -> bool:
        """Let a part's fault go; return whether there was one."""
        return self._faults.pop(part, None) is not None

    def set(self, part: str, reason: str | None) -> bool:
        """Put a part's fault, or lift it for None; return whether that changed anything."""
        return self.lift(part) if reason is None else self.put(part, reason)

    def plan(self, part: str, reason: str | None) -> None:
        """Hold entries back for a reason that is as planned, or no longer for None."""
        if reason is None:
            self._planned.pop(part, None)
        else:
            self._planned[part] = reason

    def tell(self, part: str, reason: str | None) -> bool:
        """Tell of a part's fault that holds nothing else back, or no more of it; return whether that is new."""
        new = self._partial.get(part) != reason
        if reason is None:
            self._partial.pop(part, None)
        else:
            self._partial[part] = reason
        return new

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return all reasons."""
        return (*self.faults, *self._planned.values())

    @property
    def faults(self) -> tuple[str, ...]:
        """Return the reasons for which the run is not healthy."""
        return (*self._faults.values(), *self._partial.values())

    def __bool__(self) -> bool:
        return bool(self._faults or self._planned)
