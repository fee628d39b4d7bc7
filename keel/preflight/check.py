"""What a check is given and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from keel.domain.instrument import InstrumentId
from keel.preflight.live_need import LiveNeed


class CheckStatus(StrEnum):
    """Say how a check came out; only FAIL keeps a run from starting."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    FAIL = "fail"
    NOT_APPLICABLE = "na"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Report one check: `detail` is what was found, `mend` what to do about it, empty where nothing is.

    `soft` marks a failure with which a live run may still close what it has open, though it opens nothing.
    """

    name: str
    status: CheckStatus
    detail: str
    mend: str = ""
    soft: bool = False


@dataclass(frozen=True, slots=True)
class DataNeed:
    """Name the bars a config asks for; `provider` is the kind that makes missing ones, None if none does."""

    instruments: tuple[InstrumentId, ...]
    timeframes: tuple[str, ...]
    provider: str | None


@dataclass(frozen=True, slots=True)
class BarFaults:
    """Hold, in one line an instrument, what the checks of the bars refuse and what they warn of."""

    refused: tuple[str, ...]
    warned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeeNeed:
    """Name what a config says a market order pays, bps of its value after the discount, at these venues."""

    venues: tuple[str, ...]
    taker_bps: float


@dataclass(frozen=True, slots=True)
class CheckContext:
    """Hold what the checks look at; app builds it from a config or, without one, from the defaults.

    `extras` are Keel's own extras that the mode needs. `config_path` is the config asked for, `config_error` why it did
    not load; `run` (its name), `data`, `bar_faults`, `sectors` and `fees` are None without a config, `live` in
    every other mode.
    `bars_exist(instrument, timeframe)` asks the bar store, `bar_faults()` reads the bars, `sectors()` reads the file of
    risk.sectors and says what is in it: both raise a UsageError where they cannot. `cache_is_warm()` asks the compiled
    code.
    """

    bars_exist: Callable[[InstrumentId, str], bool]
    cache_is_warm: Callable[[], bool]
    config_path: Path | None = None
    config_error: str | None = None
    run: str | None = None
    state_dir: Path = Path("state")
    artifacts_dir: Path = Path("artifacts")
    logs_dir: Path = Path("logs")
    store: Path = Path("data/bars")
    min_free_disk_gb: float = 10.0
    fail_closed: bool = False
    extras: tuple[str, ...] = ()
    data: DataNeed | None = None
    bar_faults: Callable[[], BarFaults] | None = None
    sectors: Callable[[], str] | None = None
    fees: FeeNeed | None = None
    live: LiveNeed | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """Return the folders a run writes to."""
        return (self.state_dir, self.artifacts_dir, self.logs_dir, self.store)
