"""Checks of what must be agreed before money moves: consents, limits, the strategy, and that nobody else trades."""

from __future__ import annotations

from decimal import Decimal

from keel.domain.errors import KeelError
from keel.preflight.check import CheckResult
from keel.preflight.live_checks import failed, passed
from keel.preflight.live_need import LiveNeed


def check_consents(need: LiveNeed, name: str) -> CheckResult:
    """Check that real money was agreed to: dry_run false, i_accept_real_money true; the third consent is the doctor."""
    if need.dry_run:
        return passed(name, "a dry run: no order leaves")
    if need.environment != "real":
        return passed(name, f"{need.environment}: no real money")
    if not need.accepts_real_money:
        key = "venue.paper is false" if need.venue == "alpaca" else "venue.environment is real"
        detail = f"{key} and dry_run is false, but i_accept_real_money is false"
        return failed(name, detail, "set i_accept_real_money: true if you mean it, or dry_run: true")
    return passed(name, "REAL MONEY: dry_run is false and i_accept_real_money is true")


def check_risk_limits(need: LiveNeed, name: str) -> CheckResult:
    """Check that every kind of risk limit is on and leaves room for the least order of each symbol."""
    if need.limits_off:
        mend = "give each a value under risk"
        return failed(name, f"off: {', '.join(need.limits_off)}", mend)
    most = need.most_order_notional
    for symbol, rules in need.symbols.items():
        least = Decimal(rules.values["min_notional"])
        if most is not None and Decimal(str(most)) < least:
            detail = f"risk.max_order_notional is {most:g}, but no order of {symbol} may be below {least}"
            return failed(name, detail, "raise risk.max_order_notional, or take the symbol out")
    return passed(name, ", ".join(f"{key} {value}" for key, value in need.limits.items()))


def check_strategy(need: LiveNeed, name: str) -> CheckResult:
    """Check that the strategy loads: of a model its weights, its normaliser and its features by their hashes."""
    try:
        return passed(name, need.strategy())
    except KeelError as error:
        return failed(name, str(error), "correct section strategy, or take a model that was trained on this market")


def check_lock(need: LiveNeed, name: str) -> CheckResult:
    """Check that no other process trades on this account, and that no other run of this name is running."""
    try:
        holder = need.lock_holder()
    except KeelError as error:
        return failed(name, str(error), "make the state folder readable and writable for this user")
    if holder is not None:
        return failed(name, holder, "stop that process first, or give this run a name and an account of its own")
    return passed(name, "free")


def check_health_page(need: LiveNeed, name: str) -> CheckResult:
    """Check that the health page can be served: its port is free, and beyond this machine there is a token."""
    try:
        where = need.health_page()
    except KeelError as error:
        return failed(name, str(error), "correct section health")
    return passed(name, "off" if where is None else where)
