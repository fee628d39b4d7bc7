"""The strategy of a live run, asked at each close on a thread of its own: one that hangs stops nothing but itself."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.config.modes import LiveRun
from keel.domain.account import AccountView
from keel.domain.clock import Clock
from keel.domain.errors import UsageError
from keel.domain.layout import BAR
from keel.sim.room import Records
from keel.strategies.decisions import ask, decide_all, prepare
from keel.strategies.desk import OrderDesk
from keel.strategies.panel import BarPanel
from keel.strategies.port import Context, EventStrategy, Strategy, VectorStrategy

_ROWS_PER_HISTORY: Final = 2
"""Rows kept, in histories: the oldest go at once, seldom, instead of one at each close."""


@dataclass(frozen=True)
class Wanted:
    """Hold what a strategy wants at a close: weights (N,), NaN for no new target, and REQUEST (R,) or None."""

    weights: NDArray[np.float64]
    requests: Records | None


class BarHistory:
    """Keep the bars that decisions look back on, BAR (rows, N): `least` rows or more, once there were as many."""

    def __init__(self, symbols: tuple[str, ...], least: int) -> None:
        self._symbols = symbols
        self._least = least
        self._bars = np.zeros((_ROWS_PER_HISTORY * least, len(symbols)), BAR)
        self._n = 0

    def append(self, bars: Records) -> None:
        """Add a row, BAR (N,)."""
        if self._n == len(self._bars):
            self._bars[: self._least] = self._bars[-self._least :].copy()
            self._n = self._least
        self._bars[self._n] = bars
        self._n += 1

    def split(self, instrument: int, start_ms: int, ratio: float) -> None:
        """Put an instrument's bars that opened before a split into the units of after it."""
        bars = self._bars[: self._n, instrument]
        before = bars["open_ts_ms"] < start_ms
        for name in ("open", "high", "low", "close"):
            bars[name][before] /= ratio
        bars["volume"][before] *= ratio

    def panel(self) -> BarPanel:
        """Return all rows kept, as a strategy sees them."""
        return BarPanel(self._bars[: self._n], self._symbols)


class Decider:
    """Ask one strategy. `account`, `live` and `heard` show it our half of the market at the close it stands at."""

    def __init__(
        self,
        config: LiveRun,
        strategy: Strategy,
        account: Callable[[], AccountView],
        live: Callable[[], Records],
        heard: Callable[[], Records],
    ) -> None:
        self._config = config
        self._strategy = strategy
        self._account = account
        self._desk = OrderDesk(config.data.symbols, live, heard)
        self._begun = False

    def decide(self, panel: BarPanel) -> Wanted:
        """Return what the strategy wants at the panel's last close. Raises UsageError for what cannot be meant."""
        if isinstance(self._strategy, VectorStrategy):
            return Wanted(decide_all(self._strategy, panel)[-1], None)
        if not isinstance(self._strategy, EventStrategy):
            raise TypeError(f"{self._strategy} is neither a VectorStrategy nor an EventStrategy")
        if self._begun:
            self._strategy.follow(panel)
        else:
            prepare(self._strategy, panel, self._config)
            self._desk.take_over()
            self._begun = True
        weights = np.full(panel.n, np.nan)
        ask(self._strategy, Context(panel, self._account, weights, self._desk, len(panel) - 1), self._config, _runs)
        return Wanted(weights, self._desk.requests())

    def note_ids(self) -> None:
        """Learn the numbers of the orders just decided on."""
        self._desk.note_ids()


def _runs() -> bool:
    return True


Aside = Callable[[Callable[[], None]], None]
"""Do a piece of work somewhere else, one after the other, and come back at once."""


def on_a_thread() -> Aside:
    """Return a thread to do work on."""
    work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def serve() -> None:
        while True:
            work.get()()

    threading.Thread(target=serve, name="keel-strategy", daemon=True).start()
    return work.put


class Thinker:
    """Run one piece of work at a time aside, and wait for it no longer than allowed."""

    def __init__(self, clock: Clock, aside: Aside) -> None:
        self._clock = clock
        self._aside = aside
        self._busy = False

    @property
    def is_busy(self) -> bool:
        """Say whether the work before is still not done."""
        return self._busy

    async def run(self, work: Callable[[], Wanted], timeout_s: float) -> Wanted:
        """Return what the work returns. Raises what it raises, TimeoutError where it takes longer or is still at it."""
        if self._busy:
            raise TimeoutError("the strategy has not come back from an earlier close")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Wanted] = loop.create_future()
        self._busy = True
        self._aside(lambda: self._do(work, loop, answer))
        timer = asyncio.ensure_future(self._clock.sleep(timeout_s))
        waited: set[asyncio.Future[Any]] = {answer, timer}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        if not answer.done():
            answer.add_done_callback(_look_away)
            raise TimeoutError(f"the strategy has not decided within {timeout_s:g} s")
        return answer.result()

    def _do(self, work: Callable[[], Wanted], loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Wanted]) -> None:
        wanted: Wanted | None = None
        failed: Exception | None = None
        try:
            wanted = work()
        except SystemExit as error:
            failed = UsageError(f"the strategy ended the program: {error}")
        except Exception as error:  # noqa: BLE001 - whatever a strategy raises is told to whoever waits for it
            failed = error
        self._busy = False
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, answer, wanted, failed)


def _settle(answer: asyncio.Future[Wanted], wanted: Wanted | None, failed: Exception | None) -> None:
    if answer.done():
        return
    if wanted is None:
        answer.set_exception(failed or RuntimeError("the work came to nothing"))
    else:
        answer.set_result(wanted)


def _look_away(answer: asyncio.Future[Wanted]) -> None:
    if not answer.cancelled():
        answer.exception()
