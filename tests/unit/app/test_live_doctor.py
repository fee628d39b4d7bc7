"""The doctor before live trading, against the practice venue: each check, through the real SDK."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from practice_here import KEYS, Here, practising, running

from keel.app.doctor import context_of, examined
from keel.app.fetch_filters import fetch_filters
from keel.domain.clock import WallClock
from keel.journal.lock import RunLock, account_name
from keel.preflight.check import CheckResult
from keel.wire.binance_filters import BinanceFilters, read_filters, write_filters

ROOT = Path(__file__).resolve().parents[3]
DAY_MS = 86_400_000
HELD = {"USDT": 100, "BTC": "0.5", "ETH": "0.00000999"}


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    with practising(tmp_path_factory.mktemp("practice")) as here:
        fetch_filters(out=here.folder / "fetched.json", config=here.config())
        yield here


@pytest.fixture
def here(venue: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """Stand in a fresh folder with a state folder, the keys and the filters that a live run needs."""
    monkeypatch.setenv("BINANCE_API_KEY", KEYS.key)
    monkeypatch.setenv("BINANCE_API_SECRET", KEYS.secret)
    (tmp_path / "state").mkdir()
    (tmp_path / "filters.json").write_bytes((venue.folder / "fetched.json").read_bytes())
    return Here(venue.venue, venue.address, tmp_path)


def checks(path: Path, *overrides: str) -> dict[str, CheckResult]:
    return {result.name: result for result in examined(context_of(path, overrides))}


def failed(path: Path, *overrides: str) -> dict[str, CheckResult]:
    return {name: result for name, result in checks(path, *overrides).items() if result.status == "fail"}


def only_failure(path: Path, name: str) -> CheckResult:
    found = failed(path)
    assert list(found) == [name]
    return found[name]


def test_a_place_in_order_passes_every_check(here: Here) -> None:
    found = checks(here.config())
    assert {name: result.detail for name, result in found.items() if result.status != "pass"} in (
        {},
        {"packages": found["packages"].detail},
        {"compiled code": found["compiled code"].detail},
    )
    assert found["key permissions"].detail == "may trade, may not withdraw"
    assert found["open at the exchange"].detail == "nothing is open there"
    assert found["feed"].detail == "bars up to 2024-01-01 10:00 UTC"
    assert "bars" not in found


@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_key_is_no_key_and_a_dry_run_needs_none(
    here: Here, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", value)
    result = only_failure(here.config(), "keys")
    assert result.detail == "not set, or empty: BINANCE_API_SECRET"
    assert result.mend.endswith("export BINANCE_API_SECRET=...")
    dry = checks(here.config(), "dry_run=true")
    assert (dry["keys"].status, dry["key validity"].status) == ("warn", "na")
    assert not failed(here.config(), "dry_run=true")


def test_a_key_of_another_world_is_refused_and_never_shown(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "a-key-of-the-real-exchange-" + "x" * 37)
    result = only_failure(here.config(), "key validity")
    assert "-2015" in result.detail
    assert "a key of the exchange's testnet and the exchange itself is no key here" in result.mend
    told = json.dumps([one.detail + one.mend for one in checks(here.config()).values()])
    assert "a-key-of-the-real" not in told
    assert KEYS.secret not in told


def test_a_wrong_secret_is_refused(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", "not-the-secret-of-this-key")
    assert "-1022" in only_failure(here.config(), "key validity").detail


@pytest.mark.parametrize(
    ("permission", "told"),
    [({"trade": False}, "the key may not trade"), ({"withdraw": True}, "the key may withdraw")],
    ids=["cannot trade", "can withdraw"],
)
def test_a_key_with_other_permissions_fails(here: Here, tmp_path: Path, permission: dict[str, bool], told: str) -> None:
    (tmp_path / "other").mkdir()
    with practising(tmp_path / "other", accounts={"practice": permission}) as other:
        config = Here(other.venue, other.address, here.folder).config()
        result = only_failure(config, "key permissions")
    assert result.detail == told
    assert "withdrawal permission" in result.mend or "spot trading" in result.mend


def test_a_venue_that_is_not_there_is_told_once_with_the_command_that_starts_it(here: Here) -> None:
    config = here.config((here.address, "http://127.0.0.1:9"))
    result = only_failure(config, "round trip")
    assert "no connection" in result.detail
    assert not result.soft
    assert "python -m services.practice_venue" in result.mend
    assert checks(config)["key validity"].status == "na"


def test_a_slow_way_is_a_soft_failure(here: Here) -> None:
    result = only_failure(here.config(("live: {", "live: {max_round_trip_ms: 1.0e-6, ")), "round trip")
    assert result.soft
    assert "live.max_round_trip_ms" in result.mend


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
    known = read_filters(path)
    fields = {name: getattr(known, name) for name in ("environment", "source", "fetched_ms", "rules")}
    write_filters(path, BinanceFilters(**(fields | changes)))


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
    known = read_filters(here.folder / "filters.json")
    rewrite(here, rules={"BTC/USDT": known.rules["BTC/USDT"]})
    assert "has no ETH/USDT" in only_failure(here.config(), "filters").detail


def test_filters_that_the_exchange_has_changed_since_are_told(here: Here) -> None:
    from dataclasses import replace
    from decimal import Decimal

    rules = dict(read_filters(here.folder / "filters.json").rules)
    rules["BTC/USDT"] = replace(rules["BTC/USDT"], tick_size=Decimal("0.1"))
    rewrite(here, rules=rules)
    config = here.config(("fee_currency: base}", "fee_currency: base}\n  overrides: {BTC/USDT: {tick_size: 0.1}}"))
    result = only_failure(config, "instrument rules")
    assert "tick_size of BTC/USDT is 0.1, now 0.01" in result.detail


def test_an_unknown_symbol_fails(here: Here) -> None:
    config = here.config(("ETH/USDT]", "DOGE/USDT]"))
    assert set(failed(config)) == {"filters", "symbol status", "feed"}
    assert failed(config)["symbol status"].detail == "the exchange knows no DOGE/USDT"


def test_fees_below_the_accounts_only_warn(here: Here) -> None:
    result = checks(here.config(("account:", "fees: {taker_bps: 7.5, maker_bps: 10}\naccount:")))["account fees"]
    assert result.status == "warn"
    assert result.detail == "fees.taker_bps is 7.5, the account pays 10 before any discount"


def test_a_missing_state_folder_fails_and_is_not_made(here: Here) -> None:
    (here.folder / "state").rmdir()
    found = failed(here.config())
    assert {"folders", "kill switch"} <= set(found)
    assert not (here.folder / "state").exists()
    assert "otherwise bring it back" in found["folders"].mend


def test_a_flag_removed_by_hand_asks_for_a_reason(here: Here) -> None:
    from keel.app.reset_kill_switch import reset_kill_switch
    from keel.risk.kill_switch import KillSwitch

    switch = KillSwitch(here.folder / "state")
    switch.flag.touch()
    assert "exists" in only_failure(here.config(), "kill switch").detail
    switch.note_tripped()
    switch.flag.unlink()
    result = only_failure(here.config(), "kill switch")
    assert "removed by hand, and nobody has said why" in result.detail
    reset_kill_switch(reason="the feed was mended", state_dir=here.folder / "state")
    assert not failed(here.config())


def test_a_lock_that_another_holds_fails_and_names_it(here: Here) -> None:
    account = account_name("binance", "practice", KEYS.key)
    with RunLock(here.folder / "state", account, clock=WallClock()):
        assert f"process {os.getpid()}" in only_failure(here.config(), "lock").detail
    assert not failed(here.config())


@pytest.mark.parametrize(
    ("replacement", "told"),
    [
        (("short: 5", "short: 50"), "short"),
        (("moving_average:Moving", "moving_average:Mving"), "MvingAverageCrossover"),
        (
            (
                'moving_average:MovingAverageCrossover", params: {short: 5, long: 20}',
                'trained:Policy", params: {model: no.zip}',
            ),
            "no.zip",
        ),
    ],
    ids=["parameter", "class", "model"],
)
def test_a_strategy_that_does_not_load_fails(here: Here, replacement: tuple[str, str], told: str) -> None:
    assert told in only_failure(here.config(replacement), "strategy").detail


def test_an_order_limit_below_the_exchanges_minimum_fails(here: Here) -> None:
    result = only_failure(here.config(("max_order_notional: 500", "max_order_notional: 4")), "risk limits")
    assert "risk.max_order_notional is 4, but no order of BTC/USDT may be below 5" in result.detail


def test_real_money_needs_its_own_consent(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    from keel.app.live_gate import live_context
    from keel.config.load import load_config
    from keel.config.modes import LiveRun
    from keel.preflight.gate import run_checks

    def consent(*overrides: str) -> CheckResult:
        real = ["venue={environment: real}", *overrides]
        loaded = load_config(here.config(), real)
        assert isinstance(loaded.config, LiveRun)
        return run_checks(live_context(loaded, loaded.config), ["consents"])[0]

    assert consent().status == "fail"
    assert "i_accept_real_money is false" in consent().detail
    assert consent("i_accept_real_money=true").detail.startswith("REAL MONEY")
    assert consent("dry_run=true").detail == "a dry run: no order leaves"


def doctor(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "doctor.py"), *arguments]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environ)


@pytest.fixture(scope="module")
def quiet_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """Serve a venue that nobody has asked anything yet: a new process keeps to the documented limits at first."""
    with practising(tmp_path_factory.mktemp("quiet")) as here:
        yield here


@pytest.fixture
def quiet(quiet_venue: Here, here: Here) -> Here:
    return Here(quiet_venue.venue, quiet_venue.address, here.folder)


def test_script_shows_a_green_table_and_exits_with_0(quiet: Here) -> None:
    done = doctor(quiet.folder, "--config", str(quiet.config()), "--verbose")
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("key permissions", "clock", "filters age", "open at the exchange"):
        assert name in done.stdout


def test_script_exits_with_3_and_asks_the_exchange_all_the_same(quiet: Here) -> None:
    (quiet.folder / "state" / "kill_switch.flag").touch()
    done = doctor(quiet.folder, "--config", str(quiet.config()), "--json")
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert (done.returncode, done.stderr) == (3, "")
    assert (found["kill switch"]["status"], found["kill switch"]["soft"]) == ("fail", False)
    assert found["key validity"]["status"] == "pass"


def test_script_that_fails_lists_what_is_left_open(quiet: Here) -> None:
    with practising(quiet.folder, accounts={"practice": {"balances": HELD}}) as held:
        config = Here(held.venue, held.address, quiet.folder).config()
        (quiet.folder / "state" / "kill_switch.flag").touch()
        done = doctor(quiet.folder, "--config", str(config))
    assert done.returncode == 3
    assert done.stderr == "error: no run may start. LEFT OPEN, with nobody watching: 0.5 BTC at binance\n"


def test_the_shipped_rehearsal_passes(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    from keel.app.practice import open_venue
    from keel.config.load import load_practice
    from keel.config.practice import PracticeConfig

    monkeypatch.chdir(here.folder)  # the bars are made below data/, as in a clone
    config, document = load_practice(ROOT / "configs" / "practice.yaml", ["port=0"])
    assert isinstance(config, PracticeConfig)
    with running(open_venue(config, document, {"practice": KEYS})) as address:
        shipped = ROOT / "configs" / "config_live.yaml"
        fetch_filters(config=shipped, address=address, environment="practice")
        assert not failed(shipped, f"venue.address={address}", "doctor.min_free_disk_gb=0")


def test_the_table_of_a_place_without_anything_is_all_mends(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BINANCE")}
    config = ROOT / "configs" / "config_live.yaml"
    command = [sys.executable, str(ROOT / "scripts" / "doctor.py"), "--config", str(config), "--json"]
    command += ["--set", "venue.address=http://127.0.0.1:9"]  # nobody listens there
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environ | {"PYTHONPATH": str(ROOT)}
    )
    failures = {one["name"]: one for one in json.loads(done.stdout) if one["status"] == "fail"}
    assert done.returncode == 3
    assert {"folders", "kill switch", "keys", "filters", "round trip"} <= set(failures)
    assert all(one["mend"] for one in failures.values())
