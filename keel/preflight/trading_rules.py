"""Checks of the exchange's trading rules: the file of them, the config's, and those in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from keel.domain.errors import UsageError
from keel.domain.timeframe import MS_PER_DAY, utc_text
from keel.preflight.check import CheckResult
from keel.preflight.findings import VenueFindings
from keel.preflight.live_checks import ask_again, failed, not_applicable, passed
from keel.preflight.live_need import ConfiguredRules, LiveNeed
from keel.wire.rules_file import RulesFile, read_rules
from keel.wire.venue_rules import VenueRules

_COMPARED: Final = ("tick_size", "step_size", "min_qty", "min_notional")


def check_filters(need: LiveNeed, name: str) -> CheckResult:
    """Check that the file of trading rules is there, whole, of this venue and environment, and has every symbol."""
    try:
        file = read_rules(need.filters, need.venue)
    except UsageError as error:
        return failed(name, str(error), f"fetch it: {need.refetch}")
    if file.environment != need.environment:
        detail = f"{need.filters}: its rules are of {need.venue} {file.environment} ({file.source})"
        return failed(name, f"{detail}, not of {need.venue} {need.environment}", f"fetch them: {need.refetch}")
    missing = [symbol for symbol in need.symbols if symbol not in file.rules]
    if missing:
        mend = f"fetch it anew: {need.refetch}; or correct data.symbols: {need.venue} may not have them"
        return failed(name, f"{need.filters}: has no {', '.join(missing)}", mend)
    return passed(name, f"{len(file.rules):,} symbols of {file.source}")


def check_filters_age(need: LiveNeed, name: str) -> CheckResult:
    """Check that the file of trading rules is recent: exchanges change them without notice."""
    try:
        file = read_rules(need.filters, need.venue)
    except UsageError:
        return not_applicable(name, "there is no file of trading rules")
    days = (need.now_ms() - file.fetched_ms) / MS_PER_DAY
    told = f"{need.filters} is {days:.1f} days old"
    if days >= need.max_filters_age_days:
        detail = f"{told}, below {need.max_filters_age_days:g} days wanted"
        return failed(name, detail, f"fetch it anew: {need.refetch}", soft=True)
    if days < -1:
        detail = f"{need.filters} was fetched at {utc_text(file.fetched_ms)}, which is yet to come"
        return failed(name, detail, f"set this machine's clock, then: {need.refetch}", soft=True)
    return passed(name, told)


def check_instrument_rules(need: LiveNeed, name: str) -> CheckResult:
    """Check that the config's tick, step and minimums are the exchange's: the file's, and those in force if told."""
    try:
        file = read_rules(need.filters, need.venue)
    except UsageError:
        return not_applicable(name, "there is no file of trading rules")
    known = file.of(need.symbols)
    wrong = [one for symbol in known for one in _differences(need.symbols[symbol], known[symbol])]
    if wrong:
        return failed(name, "; ".join(wrong), "set these keys to the exchange's values")
    changed = list(_changed(need, file))
    if changed:
        return failed(name, "; ".join(changed), f"fetch the rules anew: {need.refetch}; then correct the config")
    return passed(name, f"tick, step and minimums of {', '.join(known) or 'no symbol'} are the exchange's")


def check_symbol_status(need: LiveNeed, name: str, found: VenueFindings) -> CheckResult:
    """Check that the exchange trades every symbol now."""
    rules = found.rules.value
    if rules is None:
        return failed(name, f"not known: {found.rules.why}", ask_again(found.rules))
    unknown = [symbol for symbol in need.symbols if symbol not in rules]
    if unknown:
        return failed(name, f"the exchange knows no {', '.join(unknown)}", "correct data.symbols")
    halted = [f"{symbol} is {rules[symbol].status}" for symbol in need.symbols if not rules[symbol].is_trading]
    if halted:
        return failed(name, "; ".join(halted), "wait until it trades again, or take it out of data.symbols")
    return passed(name, f"{', '.join(need.symbols)} trade")


def _differences(configured: ConfiguredRules, rules: VenueRules) -> Iterator[str]:
    for part in _COMPARED:
        theirs: Decimal = getattr(rules, part)
        if not rules.fits(part, Decimal(configured.values[part])):
            key, ours = configured.keys[part], configured.values[part]
            yield f"{key} is {ours}, the exchange has {format(theirs, 'f')}"


def _changed(need: LiveNeed, file: RulesFile) -> Iterator[str]:
    """Yield what the exchange has changed since the file was fetched; nothing where it does not tell."""
    now: Mapping[str, VenueRules] = need.venue_answers().rules.value or {}
    for symbol, before in file.of(need.symbols).items():
        for part in _COMPARED:
            if symbol in now and getattr(now[symbol], part) != getattr(before, part):
                is_now = format(getattr(now[symbol], part), "f")
                yield f"{need.filters}: {part} of {symbol} is {format(getattr(before, part), 'f')}, now {is_now}"
