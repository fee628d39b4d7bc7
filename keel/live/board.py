"""The board between the trading loop and those who look at it: the newest status, and whether the loop still turns.

The loop writes, other threads read. Each value is replaced whole by one assignment and never changed in place, so
nobody waits for anybody: a lock held by a slow reader would hold up an order.
"""

from __future__ import annotations

from typing import Final

from keel.domain.clock import Clock
from keel.domain.live_status import LiveStatus

BEAT_S: Final = 0.25
"""Longest time between two beats of a loop that works."""
RENEWAL_S: Final = 1.0
"""Longest time between two statuses of a runner that works."""


class StatusBoard:
    """Hold the newest status, the loop's heartbeat and the wish of somebody outside that the run should stop.

    `loop_bound_s` is the silence of the loop, seconds, from which it counts as blocked.
    """

    def __init__(self, clock: Clock, loop_bound_s: float) -> None:
        self._clock = clock
        self._loop_bound_s = loop_bound_s
        self._beat_s = clock.monotonic_s()
        self._shown: tuple[LiveStatus, float] | None = None
        self._stop_asked: str | None = None

    @property
    def status(self) -> LiveStatus | None:
        """Return the newest status, None before the first."""
        shown = self._shown
        return None if shown is None else shown[0]

    @property
    def stop_asked(self) -> str | None:
        """Return who asked the run to stop gracefully, None while nobody has."""
        return self._stop_asked

    def beat(self) -> None:
        """Say that the loop turns: at least every BEAT_S seconds."""
        self._beat_s = self._clock.monotonic_s()

    def publish(self, status: LiveStatus) -> None:
        """Show a new status: after each decision and at least every RENEWAL_S seconds."""
        self._shown = (status, self._clock.monotonic_s())

    def ask_stop(self, who: str) -> None:
        """Ask the run to stop gracefully; the loop finds it at its next beat."""
        self._stop_asked = who

    def silence_s(self) -> float:
        """Return the time since the loop's last beat, seconds."""
        return max(0.0, self._clock.monotonic_s() - self._beat_s)

    def status_age_s(self) -> float | None:
        """Return the time since the newest status came, seconds, None before the first."""
        shown = self._shown
        return None if shown is None else max(0.0, self._clock.monotonic_s() - shown[1])

    def healthy(self) -> tuple[bool, tuple[str, ...]]:
        """Say whether all is well, and if not, why."""
        _, reasons = self.look()
        return not reasons, reasons

    def look(self) -> tuple[LiveStatus | None, tuple[str, ...]]:
        """Return the newest status and every reason for which the run is not healthy, of one moment."""
        shown = self._shown
        reasons = [*self._loop_reasons(shown), *(() if shown is None else shown[0].reasons)]
        return (None if shown is None else shown[0]), tuple(reasons)

    def _loop_reasons(self, shown: tuple[LiveStatus, float] | None) -> list[str]:
        reasons = []
        silence_s = self.silence_s()
        if silence_s > self._loop_bound_s:
            reasons.append(f"the trading loop has been silent for {silence_s:.1f} s (bound {self._loop_bound_s:g} s)")
        if shown is None:
            return [*reasons, "there is no status yet: the run is starting"]
        age_s = self._clock.monotonic_s() - shown[1]
        # A loop that turns, but whose task of publishing has died, must not look well for ever.
        if not reasons and age_s > self._loop_bound_s + 2 * RENEWAL_S:
            reasons.append(f"the status has not been renewed for {age_s:.1f} s")
        return reasons
