"""What an endpoint of the REST interface is: who may ask, what it weighs, what answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from keel.practice.account import Account
from keel.practice.asked import SIGNED_NAMES, Asked
from keel.practice.replay import Replay
from keel.practice.state import VenueState


@dataclass(frozen=True, slots=True)
class Call:
    """Hold one request that has passed the door; `account` is whose key it carries."""

    state: VenueState
    replay: Replay
    asked: Asked
    account: Account | None

    @property
    def owner(self) -> Account:
        """Return the account of a signed request."""
        if self.account is None:
            raise LookupError("only signed requests have an account")
        return self.account


Handler = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Hold an endpoint; `orders` is how many orders it counts for, `trades` says that it needs that permission."""

    handle: Handler
    names: frozenset[str] = frozenset()
    weight: int | Callable[[Asked], int] = 1
    signed: bool = False
    trades: bool = False
    orders: int = 0

    @property
    def allowed(self) -> frozenset[str]:
        """Return the parameters it has."""
        return self.names | SIGNED_NAMES if self.signed else self.names

    def weigh(self, asked: Asked) -> int:
        """Return what a request weighs."""
        return self.weight if isinstance(self.weight, int) else self.weight(asked)
