"""Who simulates trials: this process, or several beside it that share one copy of the bars."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for_any
from threading import Thread
from typing import Final, Protocol

from keel.backtest.search.trial import Outcome, Task, Wire, run_trial
from keel.domain.errors import GateRefusedError, UsageError

Stop = Callable[[], str | None]
"""Returns None to go on, or why everything is to stop: interrupted, kill_switch."""
Enter = Callable[[], Wire]
"""Called once in each process that simulates; what it returns wires every trial there. It can be pickled."""

LOOK_S: Final = 0.03
"""Longest wait between two looks at the kill switch (rule 18)."""
_PER_HAND: Final = 2
"""Tasks under way for each process: one in work and one at hand."""
_PATIENCE_S: Final = 2.0
"""Wall time after which `Growing` takes on processes: about what it takes to start them."""
_FOR_THE_PARENT: Final = {signal.SIGINT, signal.SIGHUP}
"""Signals a terminal sends to all processes at once; the one that leads ends the others."""


class Crew(Protocol):
    """Take tasks and give back outcomes, in any order."""

    @property
    def capacity(self) -> int:
        """Return how many tasks may be under way."""

    def send(self, task: Task) -> None:
        """Take one task."""

    def collect(self, stop: Stop) -> list[Outcome]:
        """Return what is done, waiting a moment for the first; an outcome cut short by `stop` is left out."""

    def close(self) -> None:
        """End what is under way and let go of everything."""


def work(crew: Crew, tasks: Sequence[Task], stop: Stop) -> Iterator[Outcome]:
    """Yield the outcomes of tasks as they come, until all are done or `stop` says to."""
    waiting, under_way = deque(tasks), 0
    while (waiting or under_way) and stop() is None:
        while waiting and under_way < crew.capacity:
            crew.send(waiting.popleft())
            under_way += 1
        for outcome in crew.collect(stop):
            under_way -= 1
            yield outcome


class Alone:
    """Simulate in this process."""

    capacity = 1

    def __init__(self, enter: Enter) -> None:
        self._wire = enter()
        self._tasks: deque[Task] = deque()

    def send(self, task: Task) -> None:
        """Take one task."""
        self._tasks.append(task)

    def collect(self, stop: Stop) -> list[Outcome]:
        """Simulate the task at hand."""
        try:
            outcome = run_trial(self._tasks.popleft(), self._wire, lambda _rows: stop())
        except (KeyboardInterrupt, GateRefusedError):
            # A backtest that is stopped before its first bar has no result of its own; a search has earlier ones.
            if stop() is None:
                raise
            return []
        return [] if stop() is not None else [outcome]

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class Growing:
    """Simulate in this process at first, and in several as soon as that takes long: starting those takes seconds."""

    def __init__(self, alone: Crew, many: Callable[[], Crew], patience_s: float = _PATIENCE_S) -> None:
        self._crew, self._many = alone, many
        self._until_s = time.monotonic() + patience_s
        self._grown = False

    @property
    def capacity(self) -> int:
        """Return how many tasks may be under way."""
        return self._crew.capacity

    def send(self, task: Task) -> None:
        """Take one task."""
        if not self._grown and time.monotonic() > self._until_s:
            self._crew.close()
            self._crew, self._grown = self._many(), True
        self._crew.send(task)

    def collect(self, stop: Stop) -> list[Outcome]:
        """Return what is done."""
        return self._crew.collect(stop)

    def close(self) -> None:
        """End what is under way."""
        self._crew.close()


class Processes:
    """Simulate in processes of their own, started afresh, so that no thread or lock of this one is copied."""

    def __init__(self, enter: Enter, jobs: int) -> None:
        self.capacity = _PER_HAND * jobs
        self._others = set(multiprocessing.active_children())
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(enter,))
        self._futures: set[Future[Outcome]] = set()

    def send(self, task: Task) -> None:
        """Take one task."""
        with _signals_held(), _death_named():
            self._futures.add(self._pool.submit(_simulate, task))

    def collect(self, stop: Stop) -> list[Outcome]:
        """Return what is done after a short wait. Raises UsageError if a process died."""
        done, self._futures = wait(self._futures, LOOK_S, FIRST_COMPLETED)
        if stop() is not None:
            return []
        with _death_named():
            return [future.result() for future in done]

    def close(self) -> None:
        """End the processes, in the middle of a trial if need be."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - self._others:
            process.terminate()
        self._pool.shutdown(wait=True)


_wires: list[Wire] = []
"""What wires the trials of this process, in a process of `Processes`."""


def _begin(enter: Enter) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        # A parent that was killed cannot end us, and a queue nobody writes to is waited for forever.
        Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()
    _wires[:] = [enter()]


def _leave_with(sentinel: int) -> None:
    wait_for_any([sentinel])
    os._exit(1)


def _simulate(task: Task) -> Outcome:
    return run_trial(task, _wires[0], lambda _rows: None)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Start processes inside that never see the terminal's signals; one that comes to us meanwhile is kept."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_PARENT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _death_named() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise UsageError(
            "a process that simulated trials was killed, perhaps for want of memory; what it had finished is in the "
            "ledger: continue with fewer --jobs"
        ) from error
