"""What a live run counts and times, for its status."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from keel.domain.live_status import LatencyStatus
from keel.live.orders import TrackedOrder

_KEPT: Final = 1000
"""Newest durations that percentiles are made of."""


class Durations:
    """Keep the newest durations, milliseconds."""

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=_KEPT)

    def add(self, milliseconds: float) -> None:
        """Note one."""
        self._values.append(milliseconds)

    def status(self) -> LatencyStatus:
        """Return their percentiles."""
        if not self._values:
            return LatencyStatus(float("nan"), float("nan"), float("nan"), 0)
        p50, p90, p99 = np.percentile(np.array(self._values), (50, 90, 99)).tolist()
        return LatencyStatus(p50, p90, p99, len(self._values))


@dataclass
class Counts:
    """Count since the process started."""

    decisions: int = 0
    orders_sent: int = 0
    orders_filled: int = 0
    orders_rejected: int = 0
    fills: int = 0
    denied: int = 0
    requests: int = 0
    request_errors: int = 0
    stream_drops: int = 0
    bad_messages: int = 0
    strategy_failures: int = 0
    submit: Durations = field(default_factory=Durations)
    decide: Durations = field(default_factory=Durations)
    close_to_sent: Durations = field(default_factory=Durations)

    def count_sent(self, *orders: TrackedOrder) -> None:
        """Count orders that are sent now: they may be among those filled whole."""
        self.orders_sent += len(orders)
        for order in orders:
            order.counted = True
