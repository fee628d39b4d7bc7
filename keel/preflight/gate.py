"""Which checks each mode needs, running them, and refusing to start when one fails."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from keel.domain.errors import GateRefusedError
from keel.preflight import checks, connection, consents, feed, keys, market_clock, open_book, trading_rules
from keel.preflight.check import CheckContext, CheckResult, CheckStatus
from keel.preflight.live_checks import LiveCheck, asking, of_live
from keel.preflight.verdict import LOCK

_GENERAL: Final[Mapping[str, Callable[[CheckContext], CheckResult]]] = MappingProxyType(
    {
        "python": checks.check_python,
        "packages": checks.check_packages,
        "config": checks.check_config,
        "folders": checks.check_folders,
        "disk": checks.check_disk,
        "kill switch": checks.check_kill_switch,
        "bars": checks.check_bars,
        "data quality": checks.check_quality,
        "sectors": checks.check_sectors,
        "fees": checks.check_fees,
        "compiled code": checks.check_compiled,
    }
)

_LOCAL: Final[Mapping[str, LiveCheck]] = MappingProxyType(
    {
        "consents": consents.check_consents,
        "risk limits": consents.check_risk_limits,
        "strategy": consents.check_strategy,
        LOCK: consents.check_lock,
        "health page": consents.check_health_page,
        "journal": open_book.check_journal,
        "keys": keys.check_keys,
        "filters": trading_rules.check_filters,
        "filters age": trading_rules.check_filters_age,
    }
)
"""What live trading needs and this machine knows."""

_ASKED: Final[Mapping[str, LiveCheck]] = MappingProxyType(
    {
        "round trip": connection.check_round_trip,
        "clock": asking(connection.check_clock),
        "market clock": asking(market_clock.check_market_clock),
        "instrument rules": trading_rules.check_instrument_rules,
        "symbol status": asking(trading_rules.check_symbol_status),
        "feed": asking(feed.check_feed),
        "key validity": asking(keys.check_key_validity, with_keys=True),
        "key permissions": asking(keys.check_key_permissions, with_keys=True),
        "account fees": asking(feed.check_account_fees, with_keys=True),
        "cash": asking(open_book.check_cash, with_keys=True),
        "open at the exchange": asking(open_book.check_holdings, with_keys=True),
    }
)
"""What live trading needs and only the exchange knows."""

CHECKS: Final[Mapping[str, Callable[[CheckContext], CheckResult]]] = MappingProxyType(
    {**_GENERAL, **{name: of_live(name, check) for name, check in {**_LOCAL, **_ASKED}.items()}}
)
"""Every check by its name, in the order doctor shows them."""

_LIVE_ONLY: Final = (*_LOCAL, *_ASKED)
_OF_DOCTOR_ONLY: Final = ("config", "bars", "data quality", "fees", "compiled code")
_READ_BY_THE_RUN: Final = ("sectors",)
"""What only a live start asks before: any other run names what is wrong as it reads it, and leaves nothing open."""
_STORED: Final = ("bars", "data quality", "fees")
"""What a live run does without: its bars and its fees are the exchange's."""

DOCTOR_CHECKS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(("sim", "train", "eval"), tuple(_GENERAL)),
        "live": (*(name for name in _GENERAL if name not in _STORED), *_LIVE_ONLY),
    }
)
"""What doctor checks for each mode."""

GATE_CHECKS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        # The run itself loads config and bars, and names the file and the row when it cannot (exit 2).
        mode: tuple(
            name for name in names if name not in _OF_DOCTOR_ONLY + (() if mode == "live" else _READ_BY_THE_RUN)
        )
        for mode, names in DOCTOR_CHECKS.items()
    }
)
"""What must hold before a run of each mode starts."""


def run_checks(context: CheckContext, needed: Collection[str]) -> tuple[CheckResult, ...]:
    """Run the needed checks; one result each, in the order of CHECKS. Raises KeyError for a name that is none."""
    unknown = [name for name in needed if name not in CHECKS]
    if unknown:
        raise KeyError(f"no such check: {', '.join(unknown)}")
    return tuple(check(context) for name, check in CHECKS.items() if name in needed)


def run_live_gate(context: CheckContext) -> tuple[CheckResult, ...]:
    """Run what a live start needs. The exchange is not asked where a failure on this machine refuses already."""
    needed = GATE_CHECKS["live"]
    here = run_checks(context, [name for name in needed if name not in _ASKED])
    if any(result.status is CheckStatus.FAIL and not result.soft for result in here):
        return here
    return here + run_checks(context, [name for name in needed if name in _ASKED])


def asks_the_venue(results: Iterable[CheckResult]) -> bool:
    """Say whether the exchange was asked for these results."""
    return any(result.name in _ASKED for result in results)


def failures(results: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """Return the checks that failed."""
    return tuple(result for result in results if result.status is CheckStatus.FAIL)


def gate(results: Iterable[CheckResult]) -> None:
    """Raise GateRefusedError (exit 3) naming each failed check with its mend; pass if none failed."""
    failed = failures(results)
    if failed:
        named = "; ".join(f"{result.name}: {result.detail} ({result.mend})" for result in failed)
        raise GateRefusedError(f"the run does not start: {named}")
