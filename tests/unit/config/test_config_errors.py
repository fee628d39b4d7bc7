"""Every wrong file is refused in one line that names the file, the line, the key and the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from keel.config.load import SCRIPTS, load_config
from keel.config.modes import MODELS
from keel.domain.errors import ConfigError

TYPES = [
    ("run: {seed: abc}", "run.seed: expected a whole number, got 'abc'"),
    ("run: {seed: '10'}", "run.seed: expected a whole number, got '10' (remove the quotes)"),
    ("run: {seed: true}", "run.seed: expected a whole number, got true"),
    ("run: {seed: 1.0}", "run.seed: expected a whole number, got 1.0"),
    ("run: {seed: null}", "run.seed: expected a whole number, got nothing"),
    ("run: {seed: -1}", "run.seed: expected a number of at least 0, got -1"),
    ("run: {stream: 4294967296}", "run.stream: expected a number of at most 4294967295, got 4294967296"),
    ("run: {name: a/b}", "run.name: expected a name of 1 to 64 letters, digits, . _ -, got 'a/b'"),
    ("run: {logs_dir: 5}", "run.logs_dir: expected text, got 5 (put it in quotes)"),
    ("run: 5", "run: expected keys below it, got 5"),
    ("run: []", "run: expected keys below it, got a list of 0"),
    ("run:", "run: expected keys below it, got nothing"),
    ("account: {initial_cash: '10'}", "account.initial_cash: expected a number, got '10' (remove the quotes)"),
    ("account: {initial_cash: 0}", "account.initial_cash: expected a number above 0, got 0"),
    ("account: {initial_cash: false}", "account.initial_cash: expected a number, got false"),
    ("account: {initial_cash: .nan}", "account.initial_cash: expected a finite number, got .nan"),
    ("account: {initial_cash: -.inf}", "account.initial_cash: expected a finite number, got -.inf"),
    ("account: {initial_cash: 1e999}", "account.initial_cash: expected a finite number, got 1e999"),
    ("account: {type: loan}", "account.type: expected 'cash' or 'margin', got 'loan'"),
    ("account: {currency: $}", "account.currency: expected a currency such as USDT or USD, got '$'"),
    ("fees: {discount: 1}", "fees.discount: expected a number below 1, got 1"),
    ("execution: {enabled: 'true'}", "execution.enabled: expected true or false, got 'true' (remove the quotes)"),
    ("execution: {enabled: 1}", "execution.enabled: expected true or false, got 1"),
    ("risk: {enabled: 1}", "risk.enabled: expected true, got 1"),
    ("risk: {max_order_notional: 0}", "risk.max_order_notional: expected a number above 0, got 0"),
    ("risk: {max_abs_position_notional: -1}", "risk.max_abs_position_notional: expected a number above 0, got -1"),
    ("risk: {daily_loss_limit: .inf}", "risk.daily_loss_limit: expected a finite number, got .inf"),
    ("execution: {mode: tick}", "execution.mode: expected 'bar', got 'tick'"),
    (
        "market: {instrument: {tick_size: a}}",
        "market.instrument.tick_size: expected a decimal such as \"0.01\", got 'a'",
    ),
    (
        "market: {instrument: {tick_size: -1}}",
        "market.instrument.tick_size: expected a decimal of zero or more, got -1",
    ),
    (
        "market: {instrument: {tick_size: 'nan'}}",
        "market.instrument.tick_size: expected a decimal of zero or more, got 'nan'",
    ),
    (
        "market: {instrument: {step_size: '1e-16'}}",
        "market.instrument.step_size: expected a decimal of at most 15 digits, got '1e-16'",
    ),
    (
        "market: {timezone: Mars/Olympus}",
        "market.timezone: expected a zone of the tz database such as America/New_York, got 'Mars/Olympus'",
    ),
    (
        "market: {timezone: ../x}",
        "market.timezone: expected a zone of the tz database such as America/New_York, got '../x'",
    ),
    (
        "market: {calendar: weekly}",
        "market.calendar: expected 24/7 or a calendar of exchange_calendars such as XNYS, got 'weekly'",
    ),
    ("market: {overrides: {a b: {}}}", "market.overrides.a b: expected a symbol such as BTC/USDT or AAPL, got 'a b'"),
    (
        "market: {overrides: {SYNBTC/USDT: {shortable: 1}}}",
        "market.overrides.SYNBTC/USDT.shortable: expected true or false, got 1",
    ),
]


@pytest.mark.parametrize(("more", "message"), TYPES)
def test_wrong_value_is_refused_with_its_line_and_key(refusal, more, message):
    assert refusal(f"# a comment\n{more}\n") == f"x.yaml:9: {message}"


DATA = [
    ("data.symbols=SYNBTC/USDT", "data.symbols: expected a list such as [a, b], got 'SYNBTC/USDT'"),
    ("data.symbols=[]", "data.symbols: expected at least 1, got 0"),
    ("data.symbols=[5]", "data.symbols[0]: expected text, got 5 (put it in quotes)"),
    ("data.symbols=[../x]", "data.symbols[0]: expected a symbol such as BTC/USDT or AAPL, got '../x'"),
    ("data.symbols=[A, B, A]", "data.symbols: A is listed twice: list each symbol once"),
    (
        "data.rates={EUR: 0}",
        "data.rates.EUR: expected a number from 1e-12 to 1e+12 or the symbol of stored bars such as BTC/USDT, got 0",
    ),
    (
        "data.rates={EUR: '1.1'}",
        "data.rates.EUR: expected a number from 1e-12 to 1e+12 or the symbol of stored bars such as BTC/USDT, "
        "got '1.1'",
    ),
    (
        "data.rates={EUR: ../x}",
        "data.rates.EUR: expected a symbol such as BTC/USDT, or a number from 1e-12 to 1e+12, got '../x'",
    ),
    ("data.rates={euro: 1}", "data.rates.euro: expected a currency such as USDT or USD, got 'euro'"),
    ("data.actions=''", "data.actions: expected the path of a file, got ''"),
    (
        "data.symbols=[A/B, A-B]",
        "data.symbols: A-B is listed beside A/B, which is stored under the same name: list each symbol once",
    ),
    ("data.timeframe=hourly", "data.timeframe: expected a count and m, h, d or w, such as 15m or 1h, got 'hourly'"),
    (
        "data.start=2021-01-01 05:00",
        "data.start: the time 2021-01-01 05:00:00 has no zone: add Z for UTC or an offset such as +02:00",
    ),
    (
        "data.start=2021-02-30",
        "data.start: expected a date such as 2021-01-01 or a time with its zone such as 2021-01-01T00:00:00Z that the "
        "calendar has, got '2021-02-30'",
    ),
    (
        "data.start=1609459200000",
        "data.start: expected a date such as 2021-01-01 or a time with its zone such as 2021-01-01T00:00:00Z, got "
        "1609459200000",
    ),
    ("data.provider={kind: yahoo}", "data.provider.kind: expected 'synthetic', 'arch', got 'yahoo'"),
    (
        "strategy.class=moving_average",
        "strategy.class: expected module:Class such as keel.strategies.momentum:Momentum, got 'moving_average'",
    ),
    ("mode=backtest", "mode: expected sim, train, eval or live, got 'backtest'"),
    (
        "seasonality.spread=[1, 2]",
        "seasonality.spread: expected 168 numbers, one an hour of the week from Monday 00:00, got 2",
    ),
    ("seasonality.spread=[0]", "seasonality.spread[0]: expected a multiplier above 0, got 0"),
]


@pytest.mark.parametrize(("override", "message"), DATA)
def test_wrong_override_is_refused_with_its_key(refusal, override, message):
    where = override.partition("=")[0]
    assert refusal("", override) == f"--set {where}: {message}"


UNKNOWN = [
    ("strateggy: {params: {}}", "unknown key 'strateggy': nearest right key is 'strategy'"),
    ("latency: {bas_ms: 1}", "unknown key 'latency.bas_ms': nearest right key is 'latency.base_ms'"),
    ("seed: 7", "unknown key 'seed': nearest right key is 'run.seed'"),
    (
        "fees: {maker: 1, takr_bps: 1}",
        "unknown key 'fees.maker': nearest right key is 'fees.maker_bps'",
    ),
    ("risk: {enabledd: true}", "unknown key 'risk.enabledd': nearest right key is 'risk.enabled'"),
    (
        "latency: {seasonality: true}",
        "unknown key 'latency.seasonality': nearest right key is 'latency.use_seasonality'",
    ),
    ("spread: {enabled: true}", "unknown key 'spread.enabled': nearest right key is 'execution.enabled'"),
    ("run: {timezones: UTC}", "unknown key 'run.timezones': nearest right key is 'market.timezone'"),
    (
        "risk: {max_orders_per_minute: 9}",
        "unknown key 'risk.max_orders_per_minute': nearest right key is 'risk.max_orders_per_min'",
    ),
    ("halflife_bars: 3", "unknown key 'halflife_bars': nearest right key is 'impact.half_life_bars'"),
    (
        "market: {overrides: {SYNBTC/USDT: {tiksize: 1}}}",
        "unknown key 'market.overrides.SYNBTC/USDT.tiksize': nearest right key is "
        "'market.overrides.SYNBTC/USDT.tick_size'",
    ),
]


@pytest.mark.parametrize(("more", "message"), UNKNOWN)
def test_unknown_key_is_refused_with_the_nearest_right_one(refusal, more, message):
    assert refusal(f"\n\n{more}\n") == f"x.yaml:10: {message}"


def test_misspelt_section_is_blamed_rather_than_the_missing_one(refusal):
    text = "mode: sim\ndata: {venue: v, symbols: [A], timeframe: 1h}\nstrategie: {class: a:B}\n"
    assert refusal(text=text) == "x.yaml:3: unknown key 'strategie': nearest right key is 'strategy'"


def test_key_of_another_provider_is_refused(refusal):
    line = refusal("", "data.provider={kind: arch, seed: 3}")
    assert line == "--set data.provider: unknown key 'data.provider.seed': it belongs to another kind: remove it"


def test_key_spelt_as_in_python_is_refused(refusal):
    line = refusal("", "strategy.class_path=a:B")
    assert line == "--set strategy.class_path: unknown key 'strategy.class_path': nearest right key is 'strategy.class'"


MISSING = [
    ("mode: sim\ndata: {symbols: [A], timeframe: 1h}\nstrategy: {class: a:B}\n", 2, "data.venue"),
    ("mode: sim\ndata: {venue: v, symbols: [A], timeframe: 1h}\nstrategy: {}\n", 3, "strategy.class"),
    ("mode: sim\ndata: {venue: v, symbols: [A], timeframe: 1h}\n", None, "strategy"),
    ("data: {venue: v}\n", None, "mode"),
]


@pytest.mark.parametrize(("text", "line", "key"), MISSING)
def test_missing_key_is_named_with_its_file(refusal, text, line, key):
    where = "x.yaml" if line is None else f"x.yaml:{line}"
    assert refusal(text=text).startswith(f"{where}: missing key '{key}': ")


def test_provider_without_kind_or_start_names_the_key(refusal):
    assert "missing key 'data.provider.kind'" in refusal("", "data.provider={seed: 3}")
    assert "missing key 'data.provider.start'" in refusal("", "data.provider={kind: synthetic, end: 2021-01-01}")


SYNTAX = [
    ("mode: sim\ndata: [a, b\n", "x.yaml:3: not valid YAML at column 1: "),
    ("mode: sim\n\tdata: 1\n", "x.yaml:2: not valid YAML at column 1: "),
    ("mode: *gone\n", "x.yaml:1: not valid YAML at column 7: found undefined alias"),
    ("mode: sim\n---\nmode: sim\n", "x.yaml:2: not valid YAML at column 1: "),
    ("mode: sim\nrun: 'open\n", "x.yaml:3: not valid YAML at column 1: "),
    ("mode: sim\nrun: \x07\n", "x.yaml:2: unprintable character U+0007: remove it"),
    ("mode: sim\nmode: live\n", "x.yaml:2: mode: given twice, first at x.yaml:1: keep one"),
    ("run: {seed: 1, seed: 1}\n", "x.yaml:1: run.seed: given twice, first at x.yaml:1: keep one"),
    (
        "a: &a {b: 1}\nrun: {<<: *a}\n",
        "x.yaml:2: run: merge keys (<<) are not read: share sections with extends",
    ),
    ("run: !!python/object:os.system {}\n", "x.yaml:1: run: tags (a word after !) are not read: remove it"),
    ("run: !mine 5\n", "x.yaml:1: run: tags (a word after !) are not read: remove it"),
    ("? [a]\n: 5\n", "x.yaml:1: a key must be plain text"),
    ("run: &r [*r]\n", "x.yaml:1: run[0]: an alias refers to the value it is part of"),
    ("", "x.yaml: the file is empty: write at least mode, data and strategy"),
    ("# only a comment\n", "x.yaml: the file is empty: write at least mode, data and strategy"),
    ("- mode: sim\n", "x.yaml:1: expected keys at the top, such as mode: sim, got a list"),
    ("sim\n", "x.yaml:1: expected keys at the top, such as mode: sim, got a single value"),
    (f"run: {{seed: {'9' * 5000}}}\n", "x.yaml:1: run.seed: expected a finite number, got 999"),
    ("[" * 5000 + "\n", "x.yaml: nested too deeply to read"),
]


@pytest.mark.parametrize(("text", "message"), SYNTAX)
def test_text_that_is_no_plain_mapping_is_refused_with_its_line(refusal, text, message):
    assert refusal(text=text).startswith(message)


def test_aliases_that_multiply_without_end_are_refused(refusal):
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 9))
    assert "more than 200000 values" in refusal(text="l0: &l0 [1]\n" + levels)


def test_missing_file_folder_and_foreign_encoding_are_told_apart(folder):
    Path("dir.yaml").mkdir()
    Path("latin.yaml").write_bytes(b"mode: sim # caf\xe9\n")
    messages = {
        "none.yaml": "none.yaml: no such file",
        "dir.yaml": "dir.yaml: is a folder, expected a YAML file",
        "latin.yaml": "latin.yaml: not UTF-8 text (byte 15): save it as UTF-8",
    }
    for name, message in messages.items():
        with pytest.raises(ConfigError) as caught:
            load_config(Path(name))
        assert str(caught.value) == message
        assert caught.value.exit_code == 2


def test_byte_order_mark_is_no_error(load):
    assert load(text="﻿mode: sim\ndata: {venue: v, symbols: [A], timeframe: 1h}\nstrategy: {class: a:B}\n")


def test_long_values_and_keys_are_cut_in_messages(refusal):
    assert refusal(f"run: {{seed: {'x' * 500}}}\n") == (
        f"x.yaml:8: run.seed: expected a whole number, got '{'x' * 59}…'"
    )
    assert "k" * 61 not in refusal(f"{'k' * 500}: 1\n")
    assert "k" * 61 not in refusal("", f"{'k' * 500}=1")


def test_line_breaks_in_values_and_keys_stay_on_one_line(refusal):
    assert refusal('run: {name: "a\\nb"}\n').endswith("got 'a\\nb'")
    assert "unknown key 'a\\nb'" in refusal('"a\\nb": 1\n')


def test_another_mode_than_the_script_runs_names_the_right_script(folder, load):
    load()
    with pytest.raises(ConfigError) as caught:
        load_config(Path("x.yaml"), expect_mode="live")
    assert str(caught.value) == "x.yaml:1: mode: this command runs live, not sim: use script_backtest.py"
    assert load_config(Path("x.yaml"), expect_mode="sim").config.mode == "sim"


@pytest.mark.parametrize("mode", list(MODELS))
def test_every_mode_has_its_script(load, mode):
    load()
    with pytest.raises(ConfigError) as caught:
        load_config(Path("x.yaml"), [f"mode={mode}"], expect_mode="sim" if mode != "sim" else "live")
    assert str(caught.value).endswith(f"not {mode}: use {SCRIPTS[mode]}")
