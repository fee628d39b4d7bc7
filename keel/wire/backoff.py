"""How long to wait after a fault: twice as long each time, within bounds, with a seeded part by chance."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Give the waits after faults in a row, seconds, none outside [base_s, cap_s].

    The n-th lies by chance between base_s x 2^(n-1) and twice that, from there on between half of cap_s and cap_s:
    those who failed together do not come back together.
    """

    base_s: float
    cap_s: float
    seed: int
    _top_s: float = field(init=False)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - spreads waits, guards nothing
        self._top_s = self.base_s

    def next_s(self) -> float:
        """Return the wait after one more fault."""
        self._top_s = min(self.cap_s, self._top_s * 2)
        return self._chance.uniform(max(self.base_s, self._top_s / 2), self._top_s)

    def reset(self) -> None:
        """Begin anew: it went well."""
        self._top_s = self.base_s
