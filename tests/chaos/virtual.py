"""A loop whose time jumps to the next timer when nothing is ready: hours of a live run in a moment, the same each time.

It serves tests without sockets and threads: whoever waits for something outside the loop would wait for ever, and is
told so at once.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any

START_MS = 1_704_067_200_000  # 2024-01-01


class _JumpingSelector(selectors.DefaultSelector):
    """Look once instead of waiting, and let the loop's time pass by as much."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("nothing is left to happen: the test waits for something that never comes")
        if timeout > 0:
            self.now_s += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Be an event loop on a time of its own, seconds from 0. Sleeps and timeouts follow it."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self.errors: list[Mapping[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    def time(self) -> float:
        """Return the seconds since the loop was made."""
        return self._jumping.now_s


class VirtualClock:
    """Tell a virtual loop's time; the market's is ours."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now_ms(self) -> int:
        """Return the market's time, UTC epoch milliseconds."""
        return self.wall_ms()

    def market_ms(self, offset_ms: float, /) -> int:
        """Return the market's time by a clock that is so much more than ours, UTC epoch milliseconds."""
        return self.now_ms() + int(offset_ms)

    def wall_ms(self) -> int:
        """Return our own time, UTC epoch milliseconds."""
        return START_MS + int(self._loop.time() * 1000 + 1e-6)

    def monotonic_s(self) -> float:
        """Return the loop's seconds."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Wait, without anybody having to."""
        await asyncio.sleep(seconds)


def at_once(work: Any) -> None:
    """Do a strategy's work here and now: on a virtual clock it takes no time."""
    work()
