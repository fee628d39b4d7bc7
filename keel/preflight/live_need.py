"""What the checks before live trading are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from keel.live.closes import Closes
from keel.preflight.exposure import Exposure
from keel.preflight.findings import VenueFindings


@dataclass(frozen=True, slots=True)
class ConfiguredRules:
    """Hold what a config says of one symbol's rules: exact decimals as text, by the last part of each key.

    `keys` gives the whole key of each, such as market.overrides.BTC/USDT.tick_size.
    """

    values: Mapping[str, str]
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StoredClose:
    """Hold the close of the last bar of a symbol in the store."""

    open_ts_ms: int
    close: float


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Hold a run's journal, how to learn the newest close it decided on (None: none yet), and the market's time.

    Both raise KeelError where they cannot.
    """

    journal: Path
    newest_close_ts_ms: Callable[[], int | None]
    market_now_ms: Callable[[], int]


@dataclass(frozen=True, slots=True)
class OpeningCash:
    """Hold what a run's book begins with, and how to learn whether it has begun: KeelError where that cannot be."""

    amount: float
    currency: str
    has_begun: Callable[[], bool]


@dataclass(frozen=True)
class LiveNeed:
    """Hold what a live config asks for, and how to look at what it depends on.

    `keys` names the environment's variables, each with whether it holds a key. `limits` is every risk limit that is on,
    in words by its key, `limits_off` the keys of which none is. `closes` are those of the bars asked for, `stored`
    the last of them in the store. `venue_answers()` asks the venue, once;
    `market_now_ms` is None where the market has a clock of its own, as in a rehearsal. `strategy()` loads it and says
    what it is, `lock_holder()` who holds the lock, `health_page()` where it will be, `journal_exposure()` what the
    journal has open: all four raise KeelError where they cannot. `rehearsal` is None beside any other market,
    `opening` of a dry run.
    """

    environment: str
    dry_run: bool
    accepts_real_money: bool
    keys: Mapping[str, bool]
    symbols: Mapping[str, ConfiguredRules]
    closes: Closes
    taker_bps: float
    maker_bps: float
    limits: Mapping[str, str]
    limits_off: tuple[str, ...]
    most_order_notional: float | None
    warn_offset_ms: float
    kill_offset_ms: float
    max_round_trip_ms: float
    stale_after_ms: int
    filters: Path
    max_filters_age_days: float
    refetch: str
    stored: Mapping[str, StoredClose]
    now_ms: Callable[[], int]
    market_now_ms: Callable[[], int] | None
    venue_answers: Callable[[], VenueFindings]
    strategy: Callable[[], str]
    lock_holder: Callable[[], str | None]
    health_page: Callable[[], str | None]
    journal_exposure: Callable[[], Exposure]
    venue: str = "binance"
    rehearsal: Rehearsal | None = None
    opening: OpeningCash | None = None

    @property
    def has_keys(self) -> bool:
        """Say whether every key is there."""
        return all(self.keys.values())

    @property
    def needs_keys(self) -> bool:
        """Say whether a key is needed: for orders that leave, and at Alpaca for bars of stocks, too."""
        return not self.dry_run or self.venue == "alpaca"

    @property
    def risks_real_money(self) -> bool:
        """Say whether real money can be lost."""
        return self.environment == "real" and not self.dry_run
