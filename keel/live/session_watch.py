"""The watch over the trading day: its windows by the clock, what may be done in them, and the state the run is in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from keel.config.sessions import SessionsSection
from keel.data.market_hours import MarketHours, Span
from keel.domain.clock import Clock
from keel.domain.sessions import STATE_OF, Activity, SessionMachine, SessionState, Window
from keel.domain.timeframe import utc_text
from keel.journal.journal import Journal
from keel.journal.market_entries import MarketStateChanged
from keel.live.blocks import Blocks

_LOG: Final = logging.getLogger(__name__)
_PART: Final = "session"
_STUCK: Final = (SessionState.HALTED, SessionState.ERROR)


@dataclass
class SessionWatch:
    """Follow the sessions of one market that closes.

    Before the open and after the close orders, trades and balances are compared with the venue's by `compare`, and
    before the open its rules with ours by `check_rules`; neither waits.
    """

    hours: MarketHours
    section: SessionsSection
    clock: Clock
    journal: Journal
    blocks: Blocks
    compare: Callable[[], None]
    check_rules: Callable[[], None]
    machine: SessionMachine = field(default_factory=SessionMachine)
    whole_sessions: bool = False
    """Whether a bar is a session: all is decided at its close, and may be placed however late the bar comes."""
    look_s: float = 1.0
    """Time between two looks by our own clock: the market's may be another one."""

    async def run(self) -> None:
        """Follow the clock for ever."""
        while True:
            self.look()
            await self.clock.sleep(self.look_s)

    @property
    def state(self) -> SessionState:
        """Return the state the run is in."""
        return self.machine.state

    @property
    def next_change_ms(self) -> int | None:
        """Return when the next window begins, UTC milliseconds, None where none does."""
        return self.hours.at(self.clock.now_ms()).end_ms

    def look(self) -> None:
        """Take the state of this moment, and hold entries back where nothing may be opened."""
        span = self.hours.at(self.clock.now_ms())
        self._hold_back(Window.AT_CLOSE if self.whole_sessions else span.window)
        if self.state not in _STUCK:
            self._go(STATE_OF[span.window], _begins(span))

    def activity(self, close_ts_ms: int) -> Activity:
        """Return what may be done at a close."""
        return self.section.activities[self.hours.at(close_ts_ms).window]

    def why_watched(self, close_ts_ms: int) -> str | None:
        """Return why nothing is decided at a close, None where something is."""
        if self.activity(close_ts_ms) is not Activity.WATCH:
            return None
        return self._told(self.hours.at(close_ts_ms).window)

    def halt(self, why: str) -> None:
        """Take the state HALTED: what may happen in the market no longer matters."""
        if self.state not in _STUCK:
            self._go(SessionState.HALTED, why)

    def fail(self, why: str) -> None:
        """Take the state ERROR."""
        self._go(SessionState.ERROR, why)

    def _hold_back(self, window: Window) -> None:
        allowed = self.section.activities[window]
        self.blocks.plan(_PART, None if allowed is Activity.TRADE else self._told(window))

    def _told(self, window: Window) -> str:
        key = window.name.lower()
        return f"the market's window is {key}: sessions.{key} is {getattr(self.section, key)}"

    def _go(self, state: SessionState, why: str) -> None:
        way = self.machine.way_to(state)
        for step in way:
            before = self.state
            self.machine.move(step)
            self.journal.append_lazily(MarketStateChanged(before, step, why))
            _LOG.info("%s → %s: %s", before, step, why)
        if way and self.state in (SessionState.PRE_MARKET, SessionState.AFTER_HOURS):
            self.compare()
        if way and self.state is SessionState.PRE_MARKET:
            self.check_rules()


def _begins(span: Span) -> str:
    since = "for ever" if span.start_ms is None else f"since {utc_text(span.start_ms)}"
    return f"the market's window is {span.window.name.lower()} {since}"
