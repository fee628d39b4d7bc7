"""The practice venue's configuration, and the command that serves it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from made_venue import made_config

from keel.app.practice import keys_of
from keel.config.load import load_practice
from keel.domain.errors import ConfigError

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "configs" / "practice.yaml"


def test_shipped_config_is_whole():
    config, _ = load_practice(SHIPPED)
    assert config.port == 8900
    assert config.market.rules_for("SYNBTC/USDT").fee_currency == "base"
    assert config.accounts["practice"].keys == "BINANCE"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("pace=0", "pace: expected lockstep, or market seconds a second"),
        ("pace=slow", "pace: expected lockstep"),
        ("account.type=margin", "a spot venue has cash accounts only"),
        ("execution.price_model=reference", "the practice venue has no finer bars"),
        ("data.symbols=[SYNBTC/EUR]", "is not quoted in account.currency"),
        ("prot=1", "unknown key 'prot'"),
        ("accounts.practice.keys=not a prefix", "accounts.practice.keys"),
        ("faults=[{kind: quake}]", "faults"),
        ("faults=[{kind: clock_shift}]", "clock_shift needs it"),
        ("faults=[{kind: ban, row: 1, market_ms: 2}]", "a fault begins in one way"),
    ],
)
def test_wrong_value_is_refused_with_its_key(change, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        load_practice(SHIPPED, [change])


def test_two_accounts_with_the_same_keys_are_refused(tmp_path):
    with pytest.raises(ValueError, match="two accounts have the same keys"):
        made_config(tmp_path, accounts={"one": {}, "two": {}})


def test_keys_in_a_config_are_refused():
    with pytest.raises(ConfigError, match="secrets come from the environment only"):
        load_practice(SHIPPED, ["accounts.practice.api_key=abc"])


def test_keys_come_from_the_environment(tmp_path):
    config = made_config(tmp_path, accounts={"one": {"keys": "ONE"}, "two": {"keys": "TWO"}})
    found = keys_of(config, {"ONE_API_KEY": "a", "ONE_API_SECRET": "b", "TWO_API_KEY": "c"})
    assert found.keys() == {"one"}
    assert (found["one"].key, found["one"].secret) == ("a", "b")
    assert "'a'" not in repr(found)


def test_command_shows_where_it_is_and_ends_by_interrupt(bar_folder):
    settings = [
        *("port=0", "pace=lockstep", "warm_up_bars=100", f"data.store={bar_folder / 'bars'}"),
        *("data.start=2024-01-01", "data.end=2024-01-02"),
        *("data.provider.start=2024-01-01", "data.provider.end=2024-01-02"),
    ]
    command = [sys.executable, "-m", "services.practice_venue", "--config", str(SHIPPED)]
    for setting in settings:
        command += ["--set", setting]
    keys = {"BINANCE_API_KEY": "the-key-of-the-test", "BINANCE_API_SECRET": "the-secret-of-the-test"}
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | keys, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while "account practice" not in "".join(lines):
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        address = re.search(r"http://127\.0\.0\.1:\d+", "".join(lines))[0]
        with urllib.request.urlopen(f"{address}/practice/clock", timeout=5) as answer:  # noqa: S310 - loopback
            assert json.load(answer)["pace"] == "lockstep"
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert "Shutdown complete" in rest
    assert "the-secret-of-the-test" not in "".join(lines) + rest + errors
    assert "the-key-of-the-test" not in "".join(lines) + rest + errors


BROKERAGE = ROOT / "configs" / "practice_alpaca.yaml"


def test_shipped_config_of_the_other_wire_is_whole():
    config, _ = load_practice(BROKERAGE)
    assert (config.speaks, config.port, config.market.calendar) == ("alpaca", 8901, "XNYS")
    assert config.accounts["practice"].keys == "ALPACA"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("speaks=kraken", "speaks"),
        ("account.currency=EUR", "keeps accounts in USD, got EUR: set it to USD"),
        ("data.symbols=[SYNBTC/EUR]", "SYNBTC/EUR is neither a stock nor a pair with USD"),
        ("alpaca.whole_shares=[SYNZ]", "SYNZ is not in data.symbols"),
        ("faults=[{kind: ban}]", "ban means nothing to a venue that speaks alpaca"),
    ],
)
def test_what_means_nothing_to_a_brokerage_is_refused(change, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        load_practice(BROKERAGE, [change])


def test_what_means_nothing_to_an_exchange_is_refused():
    with pytest.raises(ConfigError, match="connection_limit means nothing to a venue that speaks binance"):
        load_practice(SHIPPED, ["faults=[{kind: connection_limit}]"])


def test_secret_may_have_either_of_its_names(tmp_path):
    config = made_config(tmp_path, accounts={"one": {"keys": "ONE"}})
    pair = keys_of(config, {"ONE_API_KEY": "a", "ONE_SECRET_KEY": "b"})["one"]
    assert (pair.key, pair.secret) == ("a", "b")
