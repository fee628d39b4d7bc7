"""Threads that do their own part of a piece of work, again and again, thousands of times a second."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

Work = Callable[..., int]


class Crew:
    """Hold a thread for each of `parts`, the arguments of its part of the work; the threads end with the crew.

    Where there are as many threads as processors, each keeps to one. Otherwise a busy machine wakes a thread on the
    processor of the one that wakes it, and they work one after the other, however many processors there are.
    """

    def __init__(self, parts: Sequence[tuple[Any, ...]]) -> None:
        processors = _processors()
        own = 0 < len(processors) <= len(parts)
        self._members = [
            _Member(part, processors[k % len(processors)] if own else None) for k, part in enumerate(parts)
        ]
        self._end = weakref.finalize(self, _end, self._members)

    def run(self, work: Work) -> int:
        """Let each thread call `work` with its arguments and return the sum of what they return; raise what one raises.

        An interrupt is raised when all are done. Raises ValueError once the crew is closed.
        """
        if not self._end.alive:
            raise ValueError("the threads have ended: a closed crew does no more work")
        begun: list[_Member] = []
        try:
            for member in self._members:
                begun.append(member)
                member.begin(work)
        finally:
            interrupts = [member.wait() for member in begun]
        for interrupt in interrupts:
            if interrupt is not None:
                raise interrupt
        return sum(member.take() for member in begun)

    def close(self) -> None:
        """End the threads."""
        self._end()


class _Member:
    """Hold one thread: what it is to do, what came of it, and the locks by which both sides wait for each other."""

    def __init__(self, part: tuple[Any, ...], processor: int | None) -> None:
        self._part, self._processor = part, processor
        self._work: Work | None = None
        self._result = 0
        self._error: BaseException | None = None
        self._begun, self._done = threading.Lock(), threading.Lock()
        self._begun.acquire()
        self._done.acquire()
        threading.Thread(target=self._live, name="env", daemon=True).start()

    def begin(self, work: Work | None) -> None:
        """Give the thread work, or None to end it."""
        self._work = work
        self._begun.release()

    def wait(self) -> KeyboardInterrupt | None:
        """Wait until the work is done, whatever happens meanwhile; return the interrupt that happened."""
        interrupt = None
        while True:
            try:
                self._done.acquire()
            except KeyboardInterrupt as happened:
                interrupt = happened
            else:
                return interrupt

    def take(self) -> int:
        """Return what the work returned, or raise what it raised."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._result

    def _live(self) -> None:
        if self._processor is not None:
            os.sched_setaffinity(0, {self._processor})
        while self._do():
            pass

    def _do(self) -> bool:
        self._begun.acquire()
        # What is held on to here would outlive its owner.
        work, self._work = self._work, None
        if work is None:
            return False
        try:
            self._result = work(*self._part)
        except BaseException as error:  # noqa: BLE001 - raised again by `take`
            self._error = error
        self._done.release()
        return True


def _end(members: list[_Member]) -> None:
    for member in members:
        member.begin(None)


def processor_count() -> int:
    """Return how many processors this process may use."""
    return len(_processors()) or os.cpu_count() or 1


def _processors() -> list[int]:
    """Return the processors that this process may use, where the system lets threads keep to one; none elsewhere."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
