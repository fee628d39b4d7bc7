"""The configurations in the repository load, and the template explains every key."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from keel.config.keys import ANY, known_keys
from keel.config.load import json_schema, load_config
from keel.config.modes import LiveRun, SimRun
from keel.config.venue import AlpacaSection, BinanceSection
from keel.config.yaml_tree import read_document

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
TEMPLATE = CONFIGS / "config_template.yaml"
LIVE = CONFIGS / "config_live.yaml"
LIVE_ALPACA = CONFIGS / "config_live_alpaca.yaml"
VENUES = {LIVE: BinanceSection, LIVE_ALPACA: AlpacaSection}
LIVE_KEYS = tuple(key for key in LiveRun.model_fields if key not in SimRun.model_fields)
EXPLAINED = pytest.mark.parametrize(
    ("path", "model"),
    [(TEMPLATE, "SimRun"), (LIVE, "LiveRun"), (LIVE_ALPACA, "LiveRun")],
    ids=["sim", "live", "live alpaca"],
)
BY_SYMBOL = (("market", "overrides"), ("data", "sources"))
SHIPPED = sorted(CONFIGS.glob("config_*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_configuration_loads(path):
    assert load_config(path).path == path


def test_crypto_configuration_is_what_the_runbook_spells():
    text = (CONFIGS / "config_sim.yaml").read_text()
    config = load_config(CONFIGS / "config_sim.yaml", expect_mode="sim").config
    for line in ("mode: sim", "  mode: bar", "  enabled: true", "use_seasonality: true", "  use_seasonality: true",
                 "  base_ms: 250", "  timeout_ms: 5000", "  retries: 3"):  # fmt: skip
        assert line in text.splitlines()
    assert (config.data.venue, config.data.symbols, config.data.timeframe) == (
        "synthetic",
        ("SYNBTC/USDT",),
        "1h",
    )
    assert config.data.active_provider is not None
    assert config.strategy.params == {"short": 20, "long": 50}
    assert config.execution.price_model == "bridge"


def test_crypto_configuration_runs_on_real_bars_without_making_any_up():
    overrides = ["data.venue=binance", "data.symbols=[BTC/USDT]"]
    config = load_config(CONFIGS / "config_sim.yaml", overrides).config
    assert config.data.active_provider is None


def test_stock_configuration_is_the_demo_on_real_indices():
    config = load_config(CONFIGS / "config_backtest_stocks.yaml", expect_mode="sim").config
    assert config.data.symbols == ("SP500", "NASDAQ")
    assert (config.data.start_ms, config.data.end_ms) == (915_408_000_000, 1_546_300_800_000)
    assert (config.market.calendar, config.market.timezone) == ("XNYS", "America/New_York")
    assert config.execution.reserve_bps == 300
    assert config.execution.price_model == "worst"
    assert (config.account.currency, config.account.type) == ("USD", "cash")


def test_live_configuration_is_what_the_runbook_spells():
    lines = [line.partition(" #")[0] for line in LIVE.read_text().splitlines()]
    for line in ("mode: live", "  enabled: true", "  max_abs_position_notional: 1000", "  max_order_notional: 500",
                 "  daily_loss_limit: 100", "  max_orders_per_min: 10", "  timeout_ms: 5000", "  retries: 3",
                 "  refresh_sec: 60", "  warn_threshold_ms: 200", "  kill_threshold_ms: 1000",
                 "  max_signals_per_sec: 2.0", "  backoff_base_s: 5.0", "  max_backoff_s: 120.0"):  # fmt: skip
        assert line in lines, line
    config = load_config(LIVE, expect_mode="live").config
    assert (config.latency.timeout_ms, config.latency.retries) == (5000, 3)
    assert (config.account.type, config.live.filters) == ("cash", "data/binance_filters.json")


def test_live_configuration_as_shipped_reaches_no_real_money():
    config = load_config(LIVE).config
    assert (config.venue.environment, config.venue.address) == ("practice", "http://127.0.0.1:8900")
    assert not config.i_accept_real_money
    real = load_config(LIVE, ["venue.environment=real", "venue.address=null"]).config
    assert not real.i_accept_real_money


def test_live_configuration_of_alpaca_reaches_no_real_money_as_shipped():
    config = load_config(LIVE_ALPACA).config
    assert (config.venue.environment, config.venue.address) == ("practice", "http://127.0.0.1:8901")
    assert not config.i_accept_real_money
    assert load_config(LIVE_ALPACA, ["venue.address=null"]).config.venue.environment == "paper"
    real = load_config(LIVE_ALPACA, ["venue.address=null", "venue.paper=false"]).config
    assert (real.venue.environment, real.i_accept_real_money) == ("real", False)


@pytest.mark.parametrize("name", ["crypto", "us_stocks"])
def test_shared_seasonality_has_a_week_of_hours_with_mean_one(name):
    values = read_document((CONFIGS / "base" / f"{name}.yaml").read_text(), name).values
    for table in values["seasonality"].values():
        assert len(table) == 168
        assert abs(math.fsum(table) / 168 - 1) < 1e-12


def test_template_has_every_key_and_no_other():
    written = set(_written(read_document(TEMPLATE.read_text(), "template").values, ()))
    assert written == set(known_keys(SimRun))


@pytest.mark.parametrize("path", VENUES, ids=lambda path: path.name)
def test_live_configuration_has_every_key_of_its_own_sections(path):
    written = set(_written(read_document(path.read_text(), "live").values, ()))
    venue = {("venue", key) for key in VENUES[path].model_fields}
    own = {key for key in known_keys(LiveRun) if key[0] in LIVE_KEYS and (key[0] != "venue" or key in venue)}
    assert own <= written
    assert {path[0] for path in own} == {*LIVE_KEYS} != set()


@EXPLAINED
def test_every_key_is_explained_with_default_and_range(path, model):
    comments = _comments(path.read_text().splitlines())
    for key, field in _explained(model, path):
        comment = comments[key]
        assert field["description"] in comment, key
        if "default" in field and not isinstance(field["default"], dict):
            assert f"Default: {_shown(field['default'])}." in comment, key
        for bound in _bounds(field):
            assert re.search(rf"(?<![\d.]){re.escape(bound)}(?![\d])", comment), (key, bound)


@EXPLAINED
def test_comments_are_not_left_behind_by_a_changed_default(path, model):
    fields = dict(_explained(model, path))
    for key, comment in _comments(path.read_text().splitlines()).items():
        stated = re.search(r"Default: (.*)\.$", comment)
        if stated is not None and key in fields:
            assert stated[1] == _shown(fields[key].get("default")), key


def _explained(model: str, path: Path) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """Return every key of a simulation, or those that live trading adds to them, with what the schema says of it."""
    schema = json_schema()
    fields = _fields(schema, schema["$defs"][model], ())
    if model == "SimRun":
        return fields
    venue = schema["$defs"][VENUES[path].__name__]["properties"]
    own = [(("venue", key), field) for key, field in venue.items()]
    return [(key, field) for key, field in fields if key[0] in LIVE_KEYS and key[0] != "venue"] + own


def _written(values: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    found = []
    for key, value in values.items():
        here = (*path, ANY if path in BY_SYMBOL else key)
        found.append(here)
        if isinstance(value, dict) and here != ("strategy", "params"):
            found += _written(value, here)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            found += [(*here, ANY), *_written(value[0], (*here, ANY))]
    return found


def _comments(lines: list[str]) -> dict[tuple[str, ...], str]:
    comments: dict[tuple[str, ...], str] = {}
    path: tuple[str, ...] = ()
    pending: list[str] = []
    for line in lines:
        if line.strip().startswith("#"):
            pending.append(line.strip()[2:])
        elif match := re.match(r"( *)(- )?([\w/]+):", line):
            key = ANY if path[:2] in BY_SYMBOL and len(match[1]) == 4 else match[3]
            path = (*path[: len(match[1]) // 2], *([ANY] if match[2] else []), key)
            comments[path] = " ".join(pending)
            pending = []
        else:
            pending = []
    return comments


def _fields(
    schema: dict[str, Any], model: dict[str, Any], path: tuple[str, ...]
) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    found = []
    for key, field in model["properties"].items():
        if key == "extends":
            continue
        found.append(((*path, key), field))
        for prefix, below in _models_below(schema, field):
            found += _fields(schema, below, (*path, key, *prefix))
    return found


def _models_below(schema: dict[str, Any], field: dict[str, Any]) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    found = []
    for option in (field, *field.get("anyOf", []), *field.get("oneOf", [])):
        if "$ref" in option:
            found.append(((), schema["$defs"][option["$ref"].rpartition("/")[2]]))
        found += [((), below) for _, below in _models_below(schema, option)] if option is not field else []
    for many in (field.get("additionalProperties"), field.get("items")):
        if isinstance(many, dict) and "$ref" in many:
            found.append(((ANY,), schema["$defs"][many["$ref"].rpartition("/")[2]]))
    return found


def _bounds(field: dict[str, Any]) -> list[str]:
    options = [field, *field.get("anyOf", [])]
    names = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    bounds = [option[name] for option in options for name in names if name in option and "pattern" not in field]
    return [_number(bound) for bound in bounds]


def _number(value: float) -> str:
    return (
        f"{value:.0e}".replace("e+0", "e").replace("e+", "e")
        if isinstance(value, float) and value >= 1e6 and value != 2**32 - 1
        else f"{value:.10g}"
    )


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str) and re.fullmatch(r"\d*\.?\d+", value):
        return f'"{value}"'
    return str(value)
