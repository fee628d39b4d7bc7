"""What an endpoint of Alpaca's REST interface is given, and how it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from keel.practice.alpaca.account import Account
from keel.practice.alpaca.refusals import invalid
from keel.practice.alpaca.spelling import moment_ms
from keel.practice.alpaca.state import AlpacaState
from keel.practice.replay import Replay


@dataclass(frozen=True, slots=True)
class Call:
    """Hold one request that has passed the door: its account, query, JSON body, and the parts of its path."""

    state: AlpacaState
    replay: Replay
    account: Account
    query: Mapping[str, str]
    body: Mapping[str, Any]
    path: Mapping[str, str]

    def moment(self, name: str, usual_ms: int) -> int:
        """Return a moment that was asked for, in milliseconds."""
        try:
            return moment_ms(self.query[name]) if name in self.query else usual_ms
        except ValueError:
            raise invalid(f"invalid {name}: expected a date or an RFC-3339 time") from None

    def whole(self, name: str, usual: int, most: int) -> int:
        """Return a whole number above zero that was asked for, `most` at most."""
        given = self.query.get(name, str(usual))
        if not given.isdecimal() or not 0 < int(given) <= most:
            raise invalid(f"invalid {name}: expected a whole number from 1 to {most}")
        return int(given)

    def words(self, name: str) -> list[str]:
        """Return what was asked for in a list with commas."""
        return [word for word in self.query.get(name, "").split(",") if word]


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold an answer whose status is not 200; without a body it is empty."""

    status: int
    body: Any = None


Handler = Callable[[Call], Awaitable[Any]]
