"""The doctor's checks of trading rules and symbols, against the practice venue."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from practice_here import Here, failed, only_failure

from keel.domain.clock import WallClock
from keel.wire.rules_file import RulesFile, read_rules, write_rules

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("found", "wanted", "key"),
    [
        ('tick_size: "0.01"', 'tick_size: "0.1"', "tick_size is 0.1, the exchange has 0.01"),
        ('step_size: "0.00001"', 'step_size: "0.001"', "step_size is 0.001, the exchange has 0.00001"),
        ('min_qty: "0.00001"', "min_qty: 0", "min_qty is 0, the exchange has 0.00001"),
        ("min_notional: 5", "min_notional: 10", "min_notional is 10, the exchange has 5"),
    ],
)
def test_a_rule_that_is_not_the_exchanges_is_named_by_its_key(here: Here, found: str, wanted: str, key: str) -> None:
    result = only_failure(here.config((found, wanted)), "instrument rules")
    assert f"market.instrument.{key}" in result.detail


def test_a_rule_of_one_symbol_is_named_by_its_override(here: Here) -> None:
    override = ("fee_currency: base}", "fee_currency: base}\n  overrides: {ETH/USDT: {tick_size: 1}}")
    result = only_failure(here.config(override), "instrument rules")
    assert result.detail == "market.overrides.ETH/USDT.tick_size is 1, the exchange has 0.01"


def test_a_missing_filters_file_fails_with_the_command_that_fetches_it(here: Here) -> None:
    (here.folder / "filters.json").unlink()
    config = here.config()
    result = only_failure(config, "filters")
    assert f"scripts/fetch_binance_filters.py --config {config} --universe --out" in result.mend


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2}', '{"format": 1, "venue": "binance", "rules": 3}'])
def test_a_damaged_filters_file_fails(here: Here, text: str) -> None:
    (here.folder / "filters.json").write_text(text)
    assert "is damaged" in only_failure(here.config(), "filters").detail


def rewrite(here: Here, **changes: object) -> None:
    path = here.folder / "filters.json"
    known = read_rules(path)
    fields = {name: getattr(known, name) for name in ("environment", "source", "fetched_ms", "rules")}
    write_rules(path, RulesFile(**(fields | changes)))


def test_old_filters_are_a_soft_failure(here: Here) -> None:
    rewrite(here, fetched_ms=WallClock().wall_ms() - 31 * DAY_MS)
    result = only_failure(here.config(), "filters age")
    assert result.soft
    assert "31.0 days old, below 30 days wanted" in result.detail
    rewrite(here, fetched_ms=WallClock().wall_ms() - 29 * DAY_MS)
    assert not failed(here.config())


def test_filters_of_another_world_are_refused(here: Here) -> None:
    rewrite(here, environment="real", source="api.binance.com")
    detail = only_failure(here.config(), "filters").detail
    assert "of binance real (api.binance.com), not of binance practice" in detail


def test_filters_without_a_configured_symbol_fail(here: Here) -> None:
    known = read_rules(here.folder / "filters.json")
    rewrite(here, rules={"BTC/USDT": known.rules["BTC/USDT"]})
    assert "has no ETH/USDT" in only_failure(here.config(), "filters").detail


def test_filters_that_the_exchange_has_changed_since_are_told(here: Here) -> None:
    rules = dict(read_rules(here.folder / "filters.json").rules)
    rules["BTC/USDT"] = replace(rules["BTC/USDT"], tick_size=Decimal("0.1"))
    rewrite(here, rules=rules)
    config = here.config(("fee_currency: base}", "fee_currency: base}\n  overrides: {BTC/USDT: {tick_size: 0.1}}"))
    result = only_failure(config, "instrument rules")
    assert "tick_size of BTC/USDT is 0.1, now 0.01" in result.detail


def test_an_unknown_symbol_fails(here: Here) -> None:
    config = here.config(("ETH/USDT]", "DOGE/USDT]"))
    assert set(failed(config)) == {"filters", "symbol status", "feed"}
    assert failed(config)["symbol status"].detail == "the exchange knows no DOGE/USDT"
