"""The practice venue as a server of this machine: one port for REST and sockets, on whichever wire."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from keel.config.faults import Fault
from keel.config.practice import PracticeConfig
from keel.data.actions import Actions, no_actions
from keel.domain.clock import Clock, WallClock
from keel.domain.errors import DataError, UsageError, reason_of
from keel.domain.instrument import Instrument
from keel.practice.alpaca.wire import AlpacaWire
from keel.practice.binance_wire import BinanceWire
from keel.practice.books import load_matching
from keel.practice.control import ControlDoor
from keel.practice.faults import FaultDesk
from keel.practice.log import ServiceLog
from keel.practice.market import Market
from keel.practice.replay import Replay
from keel.practice.security import KeyPair
from keel.practice.wire import Shared, Wire

_WIRES: Final[dict[str, Callable[..., Wire]]] = {"binance": BinanceWire, "alpaca": AlpacaWire}
HOST: Final = "127.0.0.1"
"""The only address it listens on: nobody beyond this machine can reach it."""


class PracticeVenue:
    """Serve a market that is replayed, BAR (rows, N), to clients of this machine.

    `keys` are those of each account, made up for accounts that have none there; `actions` are the splits and dividends
    of its stocks. Raises DataError where the bars leave none to play.
    """

    def __init__(
        self,
        config: PracticeConfig,
        bars: NDArray[np.void],
        instruments: Sequence[Instrument],
        keys: Mapping[str, KeyPair] | None = None,
        clock: Clock | None = None,
        actions: Actions | None = None,
    ) -> None:
        if len(bars) <= config.warm_up_bars:
            raise DataError(
                f"warm_up_bars: {config.warm_up_bars} of {len(bars)} bars are history, none is left to play: lower it, "
                "or widen data.start and data.end"
            )
        self.keys = {name: (keys or {}).get(name) or _made_up_keys() for name in config.accounts}
        shared = self._shared(config, bars, clock or WallClock(), actions or no_actions(len(instruments)))
        wire = _WIRES[config.speaks]
        self._wire: Wire = wire(shared, instruments, self.keys, self._reopen)
        self._state, self._replay = self._wire.core, Replay(self._wire.core, self._wire.feed)
        self._runner: web.AppRunner | None = None
        self._course: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Return the port it listens on. Raises UsageError before it has started."""
        if self._runner is None or not self._runner.addresses:
            raise UsageError("the practice venue has not started")
        return int(self._runner.addresses[0][1])

    @property
    def address(self) -> str:
        """Return its address, such as http://127.0.0.1:8900."""
        return f"http://{HOST}:{self.port}"

    async def start(self) -> None:
        """Listen, and let the market begin. Raises UsageError if the port is taken."""
        load_matching()
        self._runner = web.AppRunner(self._app(), access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self._state.config.port).start()
        except OSError as error:
            await self._runner.cleanup()
            told = f"port: {self._state.config.port} of this machine cannot be had: {reason_of(error)}: choose another"
            raise UsageError(told) from None
        self._state.faults.begin()
        self._course = asyncio.ensure_future(self._replay.run())

    async def stop(self) -> None:
        """End the market and every connection. Raises what broke the market's course, if anything did."""
        try:
            await self._end_tasks()
        finally:
            await asyncio.gather(*(socket.close() for socket in self._wire.acts.sockets("all")))
            if self._runner is not None:
                await self._runner.cleanup()

    async def _end_tasks(self) -> None:
        tasks = [*self._state.tasks, *(() if self._course is None else (self._course,))]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def wait(self) -> None:
        """Wait until the market's course ends, or raise what broke it."""
        if self._course is not None:
            await self._course

    def add_fault(self, fault: Fault) -> None:
        """Add a fault, as POST /practice/faults does."""
        self._state.faults.add(fault)
        self._replay.hurry()

    def _act(self, fault: Fault) -> None:
        self._wire.acts.do(fault)

    def _reopen(self) -> None:
        self._replay.look_at_streams()

    def _shared(self, config: PracticeConfig, bars: NDArray[np.void], clock: Clock, actions: Actions) -> Shared:
        ticks = [config.market.rules_for(symbol).tick_size for symbol in config.data.symbols]
        market = Market(bars, config.data.symbols, config.data.timeframe, ticks, config.warm_up_bars)
        log = ServiceLog(clock)

        def note(fault: Fault) -> None:
            log.note("fault", fault.kind, market.now_ms)

        faults = FaultDesk(config.faults, config.random_faults, self._act, note)
        return Shared(config=config, clock=clock, market=market, log=log, faults=faults, actions=actions)

    def _app(self) -> web.Application:
        control = ControlDoor(self._state, self._replay)
        app = web.Application()
        app.router.add_routes(self._wire.routes(self._replay))
        app.router.add_get("/practice/clock", control.clock)
        app.router.add_get("/practice/log", control.log)
        app.router.add_get("/practice/accounts", control.accounts)
        app.router.add_post("/practice/decided", control.decided)
        app.router.add_post("/practice/faults", control.faults)
        return app


def _made_up_keys() -> KeyPair:
    return KeyPair(secrets.token_urlsafe(48), secrets.token_urlsafe(48))
