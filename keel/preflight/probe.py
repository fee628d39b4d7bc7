"""The port through which the checks before live trading ask a venue, and what it answers; app wires the real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from keel.domain.venue_messages import Balance, LiveBar, OrderState
from keel.wire.venue_rules import VenueRules


@dataclass(frozen=True, slots=True)
class TimeAnswer:
    """Hold the quickest of a few round trips, and our clock less the venue's; milliseconds."""

    round_trip_ms: float
    offset_ms: float


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """Hold what a key may do; `can_withdraw` is None where the venue has no way to ask."""

    can_trade: bool
    can_withdraw: bool | None


@dataclass(frozen=True, slots=True)
class FeeAnswer:
    """Hold what the account pays at the most, bps of the value, without a discount."""

    taker_bps: float
    maker_bps: float


@dataclass(frozen=True, slots=True)
class HoldingsAnswer:
    """Hold every balance of the account, by asset, and the orders that work at the venue, ours or not."""

    balances: Mapping[str, Balance]
    orders: tuple[OrderState, ...]


class VenueProbe(Protocol):
    """Ask a venue what the checks need to know: reading only, nothing is placed or changed.

    Every question raises RetryableError where there is no answer now, and HaltTradingError where the venue shuts us
    out: a key that it does not take, an address that it has banned.
    """

    async def time(self) -> TimeAnswer:
        """Measure the way to the venue and compare clocks."""

    async def key(self) -> KeyAnswer:
        """Say what the key may do."""

    async def fees(self) -> FeeAnswer:
        """Return the account's fees."""

    async def rules(self, symbols: Sequence[str]) -> Mapping[str, VenueRules]:
        """Return the venue's rules of those of the symbols that it knows, by our names."""

    async def last_bars(self, symbol: str, timeframe: str) -> Sequence[LiveBar]:
        """Return the last few closed bars, oldest first."""

    async def bar(self, symbol: str, timeframe: str, open_ts_ms: int) -> LiveBar | None:
        """Return the bar that opened at a time, or None."""

    async def holdings(self) -> HoldingsAnswer:
        """Return what the account has and what works for it."""

    async def close(self) -> None:
        """Let go of every connection."""
