"""What of splits, dividends and fees is in our book already, over restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class HolderRecord:
    """Hold it; days are the exchange's, since 1970-01-01."""

    first_day: int | None = None
    """The day that the run began on: what happened before it is not ours."""
    looked_day: int | None = None
    """The day of the newest look at the account's activities."""
    seen: dict[str, int] = field(default_factory=dict)
    """Activities that are booked or not ours, by their ids, with their days."""
    splits: dict[str, bool] = field(default_factory=dict)
    """Splits that our book has taken, as SYMBOL@DAY, and whether the account has shown the same."""

    def capture(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        days = {"first_day": self.first_day, "looked_day": self.looked_day}
        return days | {"seen": dict(self.seen), "splits": dict(self.splits)}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> HolderRecord:
        """Return what was captured, an empty one of an empty state."""
        return cls(
            state.get("first_day"), state.get("looked_day"), dict(state.get("seen", {})), dict(state.get("splits", {}))
        )
