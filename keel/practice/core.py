"""What every practice venue has, whatever wire it speaks: a market, faults, a log, and how the venue itself stands."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from keel.config.practice import PracticeConfig
from keel.data.actions import Actions
from keel.domain.clock import Clock
from keel.practice.faults import FaultDesk
from keel.practice.log import ServiceLog
from keel.practice.market import Market


class Trader(Protocol):
    """Be an account whose orders the market plays."""

    can_trade: bool

    def begin_row(self, bars: NDArray[np.void], until_ms: int) -> None:
        """Begin a row, BAR (N,), which is played up to `until_ms` for now."""

    def end_row(self) -> None:
        """End the open row."""

    def tell_due(self, now_ms: int, *, as_heard: bool) -> int:
        """Tell everything that may be heard by now; return how many messages that were."""

    def next_ms(self) -> int | None:
        """Return the earliest time at which there may be something to tell."""

    @property
    def as_told(self) -> dict[str, Any]:
        """Return all that the owner should know by now."""


@dataclass(slots=True)
class Troubles:
    """Hold what faults do to the venue as a whole; times are seconds of its monotonic clock."""

    clock_shift_ms: int = 0
    outage_until_s: float = 0.0
    keys_rejected_until_s: float = 0.0
    hidden: dict[str, float] = field(default_factory=dict)
    """Names of orders that queries do not find yet, and until when."""


@dataclass(eq=False, kw_only=True)
class Core:
    """Hold the parts that all wires share."""

    config: PracticeConfig
    clock: Clock
    market: Market
    log: ServiceLog
    faults: FaultDesk
    actions: Actions
    troubles: Troubles = field(default_factory=Troubles)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def traders(self) -> Mapping[str, Trader]:
        """Return the accounts, by name."""
        raise NotImplementedError

    @property
    def wire_ms(self) -> int:
        """Return the venue's own clock, by which requests are judged."""
        return self.clock.wall_ms() + self.troubles.clock_shift_ms

    def is_out(self) -> bool:
        """Say whether nobody can reach the venue."""
        return self.clock.monotonic_s() < self.troubles.outage_until_s

    def hides(self, name: str) -> bool:
        """Say whether queries do not find the order of this name yet."""
        return self.clock.monotonic_s() < self.troubles.hidden.get(name, 0.0)

    def later(self, job: Coroutine[Any, Any, None]) -> None:
        """Let something go on by itself until the venue stops."""
        task = asyncio.ensure_future(job)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
