"""What a valid file means."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from made_configs import MINIMAL
from pydantic import ValidationError

from keel.config.data import DataSection
from keel.config.modes import EvalRun, LiveRun, SimRun, TrainRun

VENUE = "venue: {address: http://127.0.0.1:8900}\n"
LIMITS = "risk: {daily_loss: 0.05, max_drawdown: 0.3, max_orders_per_min: 60}\n"


def test_smallest_file_gets_the_documented_defaults(load):
    config = load().config
    assert (config.run.seed, config.run.stream, config.data.store) == (7, 0, "data/bars")
    assert (config.data.start, config.data.start_ms, config.data.end_ms) == (None, None, None)
    assert config.execution.price_model == "open"
    assert (config.latency.base_ms, config.latency.timeout_ms, config.latency.retries) == (250, 5000, 3)
    assert config.strategy.class_path == "keel.strategies.moving_average:MovingAverageCrossover"


@pytest.mark.parametrize(
    ("mode", "model"), [("sim", SimRun), ("train", TrainRun), ("eval", EvalRun), ("live", LiveRun)]
)
def test_mode_chooses_the_model(load, mode, model):
    text = MINIMAL.replace("mode: sim", f"mode: {mode}")
    if mode in ("train", "eval"):  # an agent decides, no strategy
        text = text.split("strategy:")[0]
    if mode == "live":
        text += VENUE
    assert type(load(text=text + LIMITS).config) is model


def test_configuration_cannot_be_changed_once_loaded(load):
    config = load().config
    with pytest.raises(ValidationError, match="frozen"):
        config.run.seed = 8
    with pytest.raises(ValidationError, match="frozen"):
        config.mode = "live"


def test_folders_stay_as_written(load):
    loaded = load("run: {artifacts_dir: ./out/../a, logs_dir: ~/logs}\n")
    assert loaded.config.run.artifacts_dir == "./out/../a"
    assert loaded.resolved["run"]["logs_dir"] == "~/logs"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-01-01", datetime(2021, 1, 1, tzinfo=UTC)),
        ("'2021-01-01'", datetime(2021, 1, 1, tzinfo=UTC)),
        ("2021-01-01T00:00:00Z", datetime(2021, 1, 1, tzinfo=UTC)),
        ("2021-01-01 02:30+02:00", datetime(2021, 1, 1, 0, 30, tzinfo=UTC)),
        ("2021-01-01T00:00:00.250-05:00", datetime(2021, 1, 1, 5, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_dates_and_zoned_times_become_utc(load, text, expected):
    config = load("", f"data.start={text}").config
    assert config.data.start == expected
    assert config.data.start_ms == round(expected.timestamp() * 1000)


def test_python_dates_are_taken_too():
    section = DataSection(venue="v", symbols=["A"], timeframe="1h", start=date(2021, 1, 1))
    assert section.start_ms == 1_609_459_200_000


def test_words_that_older_yaml_takes_for_switches_stay_text(load):
    assert load("", "data.symbols=[ON, NO, Y]").config.data.symbols == ("ON", "NO", "Y")


@pytest.mark.parametrize(
    ("text", "number"), [("1e-3", 0.001), ("1_000", 1000.0), ("5", 5.0), ("0x10", 16.0), (".5", 0.5)]
)
def test_numbers_may_be_written_in_the_usual_ways(load, text, number):
    assert load("", f"latency.base_ms={text}").config.latency.base_ms == number


@pytest.mark.parametrize("text", ['"0.00001"', "0.00001", "1e-5", "'1e-5'"])
def test_grid_steps_are_exact_decimals(load, text):
    assert load("", f"market.instrument.tick_size={text}").config.market.instrument.tick_size == Decimal("0.00001")


def test_overrides_of_one_symbol_leave_the_rest_as_shared(load):
    more = 'market: {instrument: {min_notional: 7}, overrides: {SYNBTC/USDT: {tick_size: "0.5"}}}\n'
    market = load(more, "data.symbols=[SYNBTC/USDT, SYNETH/USDT]").config.market
    assert market.rules_for("SYNBTC/USDT").tick_size == Decimal("0.5")
    assert market.rules_for("SYNBTC/USDT").min_notional == 7
    assert market.rules_for("SYNETH/USDT").tick_size == Decimal("0.01")


def test_anchors_repeat_values(load):
    data = "risk: {max_order_weight: &w 0.5, max_position_weight: *w}\n"
    assert load(data).config.risk.max_position_weight == 0.5


def test_provider_never_fills_a_real_venue(load):
    provider = "data.provider={kind: synthetic, start: 2021-01-01, end: 2022-01-01}"
    synthetic = load("", provider).config.data
    assert synthetic.active_provider == synthetic.provider
    assert synthetic.active_provider.end_ms - synthetic.active_provider.start_ms == 365 * 86_400_000
    assert load("", provider, "data.venue=binance").config.data.active_provider is None
    assert load("", "data.provider={kind: arch}", "data.venue=indices").config.data.active_provider.kind == "arch"


def test_source_of_one_symbol_leaves_the_others_as_shared(load):
    sources = "data.sources={SPY: {venue: stocks, calendar: XNYS}, EUR/USD: {venue: fx}}"
    data = load("", "data.symbols=[SYNBTC/USDT, SPY]", "data.rates={EUR: EUR/USD, CHF: 1}", sources).config.data
    named = ("SYNBTC/USDT", "SPY", "EUR/USD")
    assert [data.venue_of(symbol) for symbol in named] == ["synthetic", "stocks", "fx"]
    assert [data.calendar_of(symbol, "24/7") for symbol in named] == ["24/7", "XNYS", "24/7"]
    assert data.rates == {"EUR": "EUR/USD", "CHF": 1.0}


def test_loaded_config_keeps_its_file_and_resolved_values(load):
    loaded = load("", "volatility.short_bars=7")
    assert str(loaded.path) == "x.yaml"
    assert loaded.resolved["volatility"] == {"short_bars": 7, "long_bars": 200}
