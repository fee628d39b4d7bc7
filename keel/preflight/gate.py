"""Which checks each mode needs, running them, and refusing to start when one fails."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from keel.domain.errors import GateRefusedError
from keel.preflight import checks
from keel.preflight.check import CheckContext, CheckResult, CheckStatus

CHECKS: Final[Mapping[str, Callable[[CheckContext], CheckResult]]] = MappingProxyType(
    {
        "python": checks.check_python,
        "packages": checks.check_packages,
        "config": checks.check_config,
        "folders": checks.check_folders,
        "disk": checks.check_disk,
        "kill switch": checks.check_kill_switch,
        "bars": checks.check_bars,
        "data quality": checks.check_quality,
        "fees": checks.check_fees,
        "compiled code": checks.check_compiled,
        "exchange": checks.check_exchange,
    }
)
"""Every check by its name, in the order doctor shows them."""

_OFFLINE: Final = tuple(name for name in CHECKS if name != "exchange")

_OF_DOCTOR_ONLY: Final = ("config", "bars", "data quality", "fees", "compiled code")

DOCTOR_CHECKS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"sim": _OFFLINE, "train": _OFFLINE, "eval": _OFFLINE, "live": tuple(CHECKS)}
)
"""What doctor checks for each mode."""

GATE_CHECKS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        # The run itself loads config and bars, and names the file and the row when it cannot (exit 2).
        mode: tuple(name for name in names if name not in _OF_DOCTOR_ONLY)
        for mode, names in DOCTOR_CHECKS.items()
    }
)
"""What must hold before a run of each mode starts."""


def run_checks(context: CheckContext, needed: Collection[str]) -> tuple[CheckResult, ...]:
    """Run the needed checks; one result per check, in the order of CHECKS, the others as not applicable.

    Raises KeyError for a name that is none.
    """
    unknown = [name for name in needed if name not in CHECKS]
    if unknown:
        raise KeyError(f"no such check: {', '.join(unknown)}")
    return tuple(check(context) if name in needed else _not_needed(name) for name, check in CHECKS.items())


def failures(results: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """Return the checks that failed."""
    return tuple(result for result in results if result.status is CheckStatus.FAIL)


def gate(results: Iterable[CheckResult]) -> None:
    """Raise GateRefusedError (exit 3) naming each failed check with its mend; pass if none failed."""
    failed = failures(results)
    if failed:
        named = "; ".join(f"{result.name}: {result.detail} ({result.mend})" for result in failed)
        raise GateRefusedError(f"the run does not start: {named}")


def _not_needed(name: str) -> CheckResult:
    return CheckResult(name, CheckStatus.NOT_APPLICABLE, "not needed here")
