"""The practice venue as a server of this machine: one port for REST, the WebSocket API and streams."""

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
from keel.domain.clock import Clock, WallClock
from keel.domain.errors import DataError, UsageError, reason_of
from keel.domain.instrument import Instrument
from keel.practice.account import Numbers
from keel.practice.acts import Acts
from keel.practice.books import load_matching, open_account, symbol_rules
from keel.practice.control import ControlDoor
from keel.practice.faults import FaultDesk
from keel.practice.limits import RequestLimits
from keel.practice.log import ServiceLog
from keel.practice.market import Market
from keel.practice.market_streams import MarketStreams
from keel.practice.replay import Replay
from keel.practice.rest import RestDoor
from keel.practice.security import KeyPair
from keel.practice.socket_doors import SocketDoors
from keel.practice.state import VenueState
from keel.practice.user_streams import UserStreams

HOST: Final = "127.0.0.1"
"""The only address it listens on: nobody beyond this machine can reach it."""


class PracticeVenue:
    """Serve a market that is replayed, BAR (rows, N), to clients of this machine.

    `keys` are those of each account, made up for accounts that have none there. Raises DataError where the bars leave
    none to play.
    """

    def __init__(
        self,
        config: PracticeConfig,
        bars: NDArray[np.void],
        instruments: Sequence[Instrument],
        keys: Mapping[str, KeyPair] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if len(bars) <= config.warm_up_bars:
            raise DataError(
                f"warm_up_bars: {config.warm_up_bars} of {len(bars)} bars are history, none is left to play: lower it, "
                "or widen data.start and data.end"
            )
        self.keys = {name: (keys or {}).get(name) or _made_up_keys() for name in config.accounts}
        self._state = _build(config, bars, instruments, self.keys, clock or WallClock(), self._act, self._reopen)
        self._acts, self._replay = Acts(self._state), Replay(self._state)
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
            sockets = [session.socket for session in self._state.users.sessions] + self._state.streams.sockets
            await asyncio.gather(*(socket.close() for socket in sockets))
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
        self._acts.do(fault)

    def _reopen(self) -> None:
        self._replay.look_at_streams()

    def _app(self) -> web.Application:
        rest, sockets = RestDoor(self._state, self._replay), SocketDoors(self._state)
        control = ControlDoor(self._state, self._replay)
        app = web.Application()
        app.router.add_get("/ws-api/v3", sockets.serve_user)
        for path in ("/ws", "/ws/{streams:.*}", "/stream"):
            app.router.add_get(path, sockets.serve_market)
        app.router.add_get("/practice/clock", control.clock)
        app.router.add_get("/practice/log", control.log)
        app.router.add_get("/practice/accounts", control.accounts)
        app.router.add_post("/practice/decided", control.decided)
        app.router.add_post("/practice/faults", control.faults)
        for root in ("/api/{rest:.*}", "/sapi/{rest:.*}"):
            app.router.add_route("*", root, rest.serve)
        return app


def _made_up_keys() -> KeyPair:
    return KeyPair(secrets.token_urlsafe(48), secrets.token_urlsafe(48))


def _build(
    config: PracticeConfig,
    bars: NDArray[np.void],
    instruments: Sequence[Instrument],
    keys: Mapping[str, KeyPair],
    clock: Clock,
    act: Callable[[Fault], None],
    changed: Callable[[], None],
) -> VenueState:
    ticks = [config.market.rules_for(symbol).tick_size for symbol in config.data.symbols]
    market = Market(bars, config.data.symbols, config.data.timeframe, ticks, config.warm_up_bars)
    log, numbers, rules = ServiceLog(clock), Numbers(), symbol_rules(config, market)
    faults = FaultDesk(config.faults, config.random_faults, act, lambda fault: _note(log, market, fault))
    accounts = {
        name: open_account(config, name, instruments, market, rules, numbers, clock) for name in config.accounts
    }
    users = UserStreams(faults)
    for account in accounts.values():
        account.listener = users.hear
    return VenueState(
        config=config,
        clock=clock,
        market=market,
        rules=rules,
        accounts=accounts,
        keys={pair.key: (pair, accounts[name]) for name, pair in keys.items()},
        numbers=numbers,
        limits=RequestLimits(config.limits, clock),
        log=log,
        faults=faults,
        streams=MarketStreams(changed),
        users=users,
    )


def _note(log: ServiceLog, market: Market, fault: Fault) -> None:
    log.note("fault", fault.kind, market.now_ms)
