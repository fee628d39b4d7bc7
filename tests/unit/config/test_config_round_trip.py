"""The resolved configuration loads back to an equal one."""

from __future__ import annotations

import re
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keel.config.layers import read_layers
from keel.config.load import dump_yaml, load_config
from keel.config.modes import SimRun
from keel.config.yaml_tree import looks_secret, read_document

text = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
keys = text.filter(lambda key: key != "<<" and not looks_secret(key))
numbers = st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | numbers | text
params = st.dictionaries(
    keys,
    st.recursive(leaves, lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=3)),
)
moments = st.integers(-(10**12), 4 * 10**12).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
grids = st.builds(lambda n, e: Decimal(n).scaleb(-e), st.integers(0, 10**6), st.integers(0, 9))
symbols = st.lists(st.from_regex(r"[A-Z0-9]{2,6}(/USDT)?", fullmatch=True), min_size=1, max_size=4, unique=True)


@st.composite
def configs(draw: st.DrawFn) -> SimRun:
    chosen = draw(symbols)
    start = draw(moments)
    rules = {
        "tick_size": draw(grids),
        "step_size": draw(grids),
        "min_qty": draw(grids),
        "min_notional": draw(grids),
    }
    table = [draw(st.floats(0.5, 1.5)) for _ in range(3)] * 56
    mean = sum(table) / 168
    return SimRun.model_validate(
        {
            "mode": "sim",
            "run": {
                "seed": draw(st.integers(0, 2**32 - 1)),
                "logs_dir": draw(st.sampled_from(["./l", "no", "1e3", "~"])),
            },
            "data": {
                "venue": "synthetic",
                "symbols": chosen,
                "timeframe": draw(st.sampled_from(["1m", "4h", "1d"])),
                "start": draw(st.none() | st.just(start)),
                "end": draw(st.none() | st.just(start + timedelta(milliseconds=draw(st.integers(1, 10**10))))),
                "provider": draw(st.none() | st.just({"kind": "arch"})),
            },
            "market": {"instrument": rules, "overrides": {chosen[0]: {"min_qty": draw(st.none() | grids)}}},
            "strategy": {"class": "a.b:C", "params": draw(params)},
            "account": {"initial_cash": draw(st.floats(1e-9, 1e12))},
            "seasonality": {"spread": draw(st.none() | st.just([x / mean for x in table]))},
            "risk": {"daily_loss": draw(st.none() | st.floats(1e-12, 1))},
        }
    )


@given(configs())
@settings(max_examples=60, deadline=None)
def test_dump_loads_back_to_an_equal_configuration(config):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(dump_yaml(config), encoding="utf-8")
        again = load_config(path).config
    assert again == config
    assert repr(again.strategy.params) == repr(config.strategy.params)  # 1 == 1.0 == True would hide a change of type


ONLY_NEW = re.compile(r"(?<![\w.])[-+]?\d[\d_]*[eE][-+]?\d+(?![\w.])|\b0o[0-7]")
"""What YAML 1.2 reads as a number, and PyYAML, which speaks 1.1, leaves without quotes."""


@given(params)
@settings(max_examples=60, deadline=None)
def test_reader_agrees_with_what_yaml_wrote(values):
    written = yaml.safe_dump({"v": values}, allow_unicode=True)
    assume(not ONLY_NEW.search(written))
    assert read_document(written, "x").values == {"v": yaml.safe_load(written)["v"]}


def test_dump_holds_every_key_with_defaults(load):
    dumped = yaml.safe_load(dump_yaml(load().config))
    assert set(dumped) == set(SimRun.model_fields)
    assert dumped["latency"]["retries"] == 3
    assert dumped["strategy"] == {
        "class": "keel.strategies.moving_average:MovingAverageCrossover",
        "params": {},
    }


def test_dump_is_stable_under_reading_and_writing(load, folder):
    once = dump_yaml(load("", "data.start=2021-01-01T05:00:00Z").config)
    Path("y.yaml").write_text(once)
    assert dump_yaml(load_config(Path("y.yaml")).config) == once
    assert read_layers(Path("y.yaml"), []).values["data"]["start"] == "2021-01-01T05:00:00Z"
