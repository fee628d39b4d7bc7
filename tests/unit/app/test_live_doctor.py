"""The doctor before live trading, against the practice venue: each check, through the real SDK."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from practice_here import KEYS, Here, checks, failed, made_bars, only_failure, practising

from keel.data.store import BarStore
from keel.domain.clock import WallClock
from keel.journal.lock import RunLock, account_name
from keel.preflight.check import CheckResult

MARKET_OF_MODEL = "venue: binance, symbols: [BTC/USDT, ETH/USDT], timeframe: 1m"
CROSSOVER = 'moving_average:MovingAverageCrossover", params: {short: 5, long: 20}'


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


@pytest.mark.parametrize("value", ["", "   ", KEYS.secret + "\n"])
def test_an_empty_key_is_no_key_and_a_dry_run_needs_none(
    here: Here, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", value)
    result = only_failure(here.config(), "keys")
    assert result.detail == "not set, empty or with blanks: BINANCE_API_SECRET"
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
    ("permission", "told", "mend"),
    [
        ({"trade": False}, "the key may not trade", "allow trading to the key"),
        ({"withdraw": True}, "the key may withdraw", "withdrawal permission"),
    ],
    ids=["cannot trade", "can withdraw"],
)
def test_a_key_with_other_permissions_fails(
    here: Here, tmp_path: Path, permission: dict[str, bool], told: str, mend: str
) -> None:
    (tmp_path / "other").mkdir()
    with practising(tmp_path / "other", accounts={"practice": permission}) as other:
        config = Here(other.venue, other.address, here.folder).config()
        result = only_failure(config, "key permissions")
    assert result.detail == told
    assert mend in result.mend


def test_a_venue_that_is_not_there_is_told_once_with_the_command_that_starts_it(here: Here) -> None:
    config = here.config((here.address, "http://127.0.0.1:9"))
    result = only_failure(config, "round trip")
    assert "no connection" in result.detail
    assert not result.soft
    assert "python -m services.practice_venue" in result.mend
    assert checks(config)["key validity"].status == "na"


def test_rate_limits_that_let_nothing_be_asked_are_not_told_as_an_exchange_that_is_down(here: Here) -> None:
    place = here.address.removeprefix("http://").replace(":", "_")
    until = {"until_ms": WallClock().wall_ms() + 42_000, "banned": False}
    (here.folder / "state" / f"{place}.retry_after.json").write_text(json.dumps(until))
    result = only_failure(here.config(), "round trip")
    assert result.detail.startswith("Binance wants no request for another 4")
    assert re.fullmatch(r"wait 4\d s, then try again: rate limits let nothing be asked", result.mend)
    assert checks(here.config())["open at the exchange"].status == "na"


def test_a_slow_way_is_a_soft_failure(here: Here) -> None:
    result = only_failure(here.config(("max_round_trip_ms: 60000", "max_round_trip_ms: 1.0e-6")), "round trip")
    assert result.soft
    assert "live.max_round_trip_ms" in result.mend


def test_fees_below_the_accounts_only_warn(here: Here) -> None:
    result = checks(here.config(("account:", "fees: {taker_bps: 7.5, maker_bps: 10}\naccount:")))["account fees"]
    assert result.status == "warn"
    assert result.detail == "fees.taker_bps is 7.5, the account pays 10 before any discount"


def test_a_missing_state_folder_fails_and_is_not_made(here: Here) -> None:
    (here.folder / "state").rmdir()
    found = failed(here.config())
    assert {"folders", "kill switch"} <= set(found)
    assert not (here.folder / "state").exists()
    mend = f"mkdir -p {here.folder}/state if nothing was traded from here before; otherwise bring it back"
    assert (found["folders"].mend, found["kill switch"].mend) == (mend, mend)


def test_a_flag_removed_by_hand_asks_for_a_reason(here: Here) -> None:
    from keel.app.reset_kill_switch import reset_kill_switch
    from keel.risk.kill_switch import KillSwitch

    switch = KillSwitch(here.folder / "state", "live")
    switch.own.path.touch()
    assert "exists" in only_failure(here.config(), "kill switch").detail
    assert switch.is_tripped()
    switch.note_tripped()
    switch.own.path.unlink()
    result = only_failure(here.config(), "kill switch")
    assert "removed by hand, and nobody has said why" in result.detail
    assert "--run live --reason" in result.mend
    reset_kill_switch(reason="the feed was mended", run="live", state_dir=here.folder / "state")
    assert not failed(here.config())


def test_a_lock_that_another_holds_fails_and_names_it(here: Here) -> None:
    account = account_name("binance", "practice", KEYS.key)
    with RunLock(here.folder / "state", account, clock=WallClock()):
        assert f"process {os.getpid()}" in only_failure(here.config(), "lock").detail
    with RunLock(here.folder / "state", "live.run", clock=WallClock(), taken="a run called live is running"):
        assert only_failure(here.config(), "lock").detail.startswith("a run called live is running: ")
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


def test_a_health_page_that_cannot_be_served_fails(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    taken = socket.socket()
    with taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = only_failure(here.config(("health: {port: 0}", f"health: {{port: {port}}}")), "health page")
    assert str(port) in result.detail
    beyond = here.config(("health: {port: 0}", "health: {port: 0, host: 0.0.0.0}"))
    monkeypatch.delenv("KEEL_HEALTH_TOKEN", raising=False)
    assert "KEEL_HEALTH_TOKEN" in only_failure(beyond, "health page").detail
    monkeypatch.setenv("KEEL_HEALTH_TOKEN", "t" * 32)
    assert not failed(beyond)
    assert checks(here.config(("health: {port: 0}", "health: {enabled: false}")))["health page"].detail == "off"


@pytest.fixture
def model(here: Here, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write an untrained model that was made for the bars of the live config."""
    from made_models import TRAIN, write_untrained

    monkeypatch.chdir(here.folder)
    store = BarStore(here.folder / "bars")
    for symbol, price in (("BTC/USDT", 50_000.0), ("ETH/USDT", 3_000.0)):
        store.write(made_bars(symbol, price))
    text = TRAIN.replace("venue: testing, symbols: [A/USDT, B/USDT], timeframe: 1h", MARKET_OF_MODEL)
    text = text.replace(", { kind: taker_buy_ratio }", "")
    write_untrained(here.folder / "model.zip", text)
    return here.folder / "model.zip"


def test_a_model_is_told_by_its_hashes_and_one_of_another_market_or_changed_fails(here: Here, model: Path) -> None:
    served = (CROSSOVER, f'trained:Policy", params: {{model: {model}}}')
    found = checks(here.config(served))["strategy"]
    assert found.status == "pass", found.detail
    assert "weights " in found.detail
    assert "trained on binance BTC/USDT, ETH/USDT 1m" in found.detail
    other = here.config(served, ("symbols: [BTC/USDT, ETH/USDT]", "symbols: [ETH/USDT, BTC/USDT]"))
    assert "data.symbols: ETH/USDT, BTC/USDT, but" in only_failure(other, "strategy").detail
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    assert str(model) in only_failure(here.config(served), "strategy").detail


def test_an_order_limit_below_the_exchanges_minimum_fails(here: Here) -> None:
    result = only_failure(here.config(("max_order_notional: 500", "max_order_notional: 4")), "risk limits")
    assert "risk.max_order_notional is 4, but no order of BTC/USDT may be below 5" in result.detail


def capped(here: Here, sectors: bytes | None, caps: str = "max_sector_weight: 0.3") -> Path:
    path = here.folder / "sectors.csv"
    path.unlink(missing_ok=True)
    if sectors is not None:
        path.write_bytes(sectors)
    return here.config(("risk: {", f"risk: {{sectors: {path}, {caps}, "))


BOTH = b"symbol,sector\nBTC/USDT,money\nETH/USDT,platforms\nSOL/USDT,platforms\n"


def test_sectors_of_every_symbol_pass_and_without_caps_none_are_needed(here: Here) -> None:
    found = checks(capped(here, BOTH))["sectors"]
    assert (found.status, found.detail) == ("pass", f"{here.folder / 'sectors.csv'}: 2 symbols of 2 sectors")
    assert checks(here.config())["sectors"].detail == "no sector caps"


@pytest.mark.parametrize(
    ("sectors", "told"),
    [
        (None, "no such file: mend risk.sectors, or set it to null"),
        (b"", "the file is empty"),
        (b"symbol,sector\nBTC/USDT,m\xff\xfe\n", "cannot be read: it is not UTF-8 text"),
        (b"symbol,industry\nBTC/USDT,money\n", "no column sector; its columns are symbol, industry"),
        (b"symbol,sector\nBTC/USDT,money\n", "no row of ETH/USDT: add the row ETH/USDT,<its sector>"),
        (b"symbol,sector\nBTC/USDT,money\nETH/USDT,\n", "row 2: sector is empty"),
    ],
    ids=["no file", "empty", "not text", "no column", "no row", "no sector"],
)
def test_a_file_of_sectors_that_does_not_serve_every_symbol_fails(here: Here, sectors: bytes | None, told: str) -> None:
    result = only_failure(capped(here, sectors), "sectors")
    assert result.detail.startswith(f"{here.folder / 'sectors.csv'}: {told}")
    assert not result.soft
    assert "take risk.sectors and its caps out of the config" in result.mend


def test_a_cap_of_a_sector_that_no_symbol_is_of_fails(here: Here) -> None:
    result = only_failure(capped(here, BOTH, "sector_weights: {monye: 0.2}"), "sectors")
    assert result.detail.startswith("risk.sector_weights: no symbol is of monye by ")
    assert result.detail.endswith("did you mean money?")


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
