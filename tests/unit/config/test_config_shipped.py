"""The configurations in the repository load, and the template explains every key."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from keel.config.keys import ANY, known_keys
from keel.config.load import json_schema, load_config
from keel.config.modes import SimRun
from keel.config.yaml_tree import read_document

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
TEMPLATE = CONFIGS / "config_template.yaml"
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


@pytest.mark.parametrize("name", ["crypto", "us_stocks"])
def test_shared_seasonality_has_a_week_of_hours_with_mean_one(name):
    values = read_document((CONFIGS / "base" / f"{name}.yaml").read_text(), name).values
    for table in values["seasonality"].values():
        assert len(table) == 168
        assert abs(math.fsum(table) / 168 - 1) < 1e-12


def test_template_has_every_key_and_no_other():
    written = set(_written(read_document(TEMPLATE.read_text(), "template").values, ()))
    assert written == set(known_keys(SimRun))


def test_template_explains_every_key_with_default_and_range():
    schema = json_schema()
    comments = _comments(TEMPLATE.read_text().splitlines())
    for path, field in _fields(schema, schema["$defs"]["SimRun"], ()):
        comment = comments[path]
        assert field["description"] in comment, path
        if "default" in field and not isinstance(field["default"], dict):
            assert f"Default: {_shown(field['default'])}." in comment, path
        for bound in _bounds(field):
            assert re.search(rf"(?<![\d.]){re.escape(bound)}(?![\d])", comment), (path, bound)


def test_template_comments_are_not_left_behind_by_a_changed_default():
    schema = json_schema()
    fields = dict(_fields(schema, schema["$defs"]["SimRun"], ()))
    for path, comment in _comments(TEMPLATE.read_text().splitlines()).items():
        stated = re.search(r"Default: (.*)\.$", comment)
        if stated is not None and path in fields:
            assert stated[1] == _shown(fields[path].get("default")), path


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
    if isinstance(value, str) and re.fullmatch(r"[\d.]+", value):
        return f'"{value}"'
    return str(value)
