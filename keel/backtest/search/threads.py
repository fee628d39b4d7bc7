"""Simulate trials in threads of this process: they start at once and share the bars; compiled code runs side by side.

What runs in a thread must keep nothing outside itself, and must not hold the interpreter for long: which strategies
that is said of is for the caller to know.
"""

from __future__ import annotations

from concurrent.futures import ALL_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event
from typing import Final

from keel.backtest.search.crew import LOOK_S, Enter, Stop
from keel.backtest.search.trial import Outcome, Task, run_trial

_PER_HAND: Final = 32
"""Tasks at hand for each thread: more than the shortest trials use up between two looks."""


class Threads:
    """Be a crew (`keel.backtest.search.crew.Crew`) of so many threads."""

    def __init__(self, enter: Enter, jobs: int) -> None:
        self.capacity = _PER_HAND * jobs
        self._wire, self._ending = enter(), Event()
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="trial")
        self._futures: set[Future[Outcome]] = set()

    def send(self, task: Task) -> None:
        """Take one task."""
        self._futures.add(self._pool.submit(run_trial, task, self._wire, self._keep_going))

    def collect(self, stop: Stop) -> list[Outcome]:
        """Return what is done after a short wait."""
        done, self._futures = wait(self._futures, LOOK_S, ALL_COMPLETED)
        return [future.result() for future in done] if stop() is None else []

    def close(self) -> None:
        """Cut short the trials in work, within a few milliseconds of simulating, and end the threads."""
        self._ending.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _keep_going(self, _rows: int) -> str | None:
        return "interrupted" if self._ending.is_set() else None
