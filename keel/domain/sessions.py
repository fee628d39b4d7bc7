"""A trading day: its windows, what may be done in them, and the states a run goes through by the clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final


class Window(IntEnum):
    """Say which part of the trading day a moment lies in. CLOSED is nights, weekends and holidays."""

    CLOSED = 0
    PRE_MARKET = 1
    REGULAR = 2
    AT_CLOSE = 3
    """The first minute after the session's close, in which its last bar is decided on."""
    AFTER_HOURS = 4


class Activity(IntEnum):
    """Say what may be done in a window, each more than the one before."""

    WATCH = 0
    """Bars are taken into account, nothing is decided."""
    REDUCE = 1
    """Decisions are made, and only what closes a position leaves."""
    TRADE = 2


class SessionState(StrEnum):
    """Say where a run stands in its trading day."""

    INITIALIZING = "initializing"
    PRE_MARKET = "pre_market"
    MARKET_OPEN = "market_open"
    MARKET_CLOSE = "market_close"
    AFTER_HOURS = "after_hours"
    HALTED = "halted"
    ERROR = "error"


STATE_OF: Final[Mapping[Window, SessionState]] = {
    Window.CLOSED: SessionState.INITIALIZING,
    Window.PRE_MARKET: SessionState.PRE_MARKET,
    Window.REGULAR: SessionState.MARKET_OPEN,
    Window.AT_CLOSE: SessionState.MARKET_CLOSE,
    Window.AFTER_HOURS: SessionState.AFTER_HOURS,
}
"""The state of each window while nothing has gone wrong; between two days a run makes ready for the next."""

TRANSITIONS: Final[Mapping[SessionState, tuple[SessionState, ...]]] = {
    SessionState.INITIALIZING: (SessionState.PRE_MARKET,),
    SessionState.PRE_MARKET: (SessionState.MARKET_OPEN, SessionState.HALTED),
    SessionState.MARKET_OPEN: (SessionState.MARKET_CLOSE, SessionState.HALTED),
    SessionState.MARKET_CLOSE: (SessionState.AFTER_HOURS,),
    SessionState.AFTER_HOURS: (SessionState.INITIALIZING,),
    SessionState.HALTED: (SessionState.MARKET_OPEN, SessionState.ERROR),
    SessionState.ERROR: (SessionState.INITIALIZING,),
}
"""The states that may follow each state; there are no others."""


class SessionMachine:
    """Hold a run's state, and let it change by the allowed transitions only. It begins INITIALIZING."""

    def __init__(self) -> None:
        self._state = SessionState.INITIALIZING

    @property
    def state(self) -> SessionState:
        """Return the state."""
        return self._state

    def move(self, state: SessionState) -> None:
        """Change the state. Raises ValueError, naming both states, for a transition that is not allowed."""
        allowed = TRANSITIONS[self._state]
        if state not in allowed:
            raise ValueError(f"no transition leads from {self._state} to {state}: only to {' or '.join(allowed)}")
        self._state = state

    def way_to(self, state: SessionState) -> tuple[SessionState, ...]:
        """Return the shortest way of allowed transitions to a state, empty if it is the present one.

        It goes through HALTED on the way to ERROR only, and through ERROR never: neither is just passed by.
        """
        ways: deque[tuple[SessionState, ...]] = deque([()])
        seen = {self._state}
        while ways:
            way = ways.popleft()
            here = way[-1] if way else self._state
            if here is state:
                return way
            following = [step for step in TRANSITIONS[here] if step not in seen and _may_pass(step, state)]
            seen.update(following)
            ways.extend((*way, step) for step in following)
        raise ValueError(f"no way leads from {self._state} to {state}")


def _may_pass(step: SessionState, goal: SessionState) -> bool:
    if step is goal:
        return True
    return step is not SessionState.ERROR and (step is not SessionState.HALTED or goal is SessionState.ERROR)
