"""Configs whose bars, rules or plug-in cannot go together are refused before anything is simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from keel.app.wiring import wire_backtest
from keel.config.load import load_config
from keel.data.bars import PriceKind, StoredBars
from keel.data.store import BarStore
from keel.domain.errors import ConfigError
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import timeframe_ms

CONFIG = """\
mode: sim
data: {store: bars, venue: testing, symbols: [A/USDT, B/USDT], timeframe: 1h}
market:
  instrument: {tick_size: "0.01"}
strategy:
  class: plugged_in:S
  params:
    short: 5
"""
PLUG_IN = """
from datetime import date
from pydantic import Field
from keel.strategies.port import StrategyParams, VectorStrategy

class S(VectorStrategy):
    class Params(StrategyParams):
        short: int = 2
        weight: float = 1.0
        windows: tuple[int, ...] = ()
        flat: bool = False
        since: date = date(2020, 1, 1)

    def target_weights(self, bars):
        return bars.each(lambda one: one.close * 0.0)
"""
Wire = Callable[..., tuple]


def put(symbol: str, price: float, kind: PriceKind = "raw", timeframe: str = "1h") -> None:
    opens = [1_609_459_200_000 + i * timeframe_ms(timeframe) for i in range(3)]
    columns = {"open_ts_ms": opens, "close_ts_ms": [ts + timeframe_ms(timeframe) for ts in opens]}
    table = pl.DataFrame(columns | {name: [price] * 3 for name in ("open", "high", "low", "close", "volume")})
    BarStore(Path("bars")).write(
        StoredBars(InstrumentId("testing", symbol), timeframe, "made up", kind, "24/7", "UTC", table)
    )


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """Wire the config above, with overrides, in a folder whose store has A at 100 and B at 50."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("plugged_in.py").write_text(PLUG_IN)
    Path("x.yaml").write_text(CONFIG)
    put("A/USDT", 100.0)
    put("B/USDT", 50.0)

    def run(*overrides: str):
        loaded = load_config(Path("x.yaml"), overrides)
        return wire_backtest(loaded.deciding, loaded.document)

    return run


def refusal(wire: Wire, overrides: Sequence[str] = ()) -> str:
    with pytest.raises(ConfigError) as caught:
        wire(*overrides)
    return str(caught.value)


def test_tick_of_one_per_cent_is_the_largest_that_passes(wire):
    put("B/USDT", 1.0)
    assert len(wire()[0].bars) == 3
    put("B/USDT", 0.999)
    assert refusal(wire) == (
        "x.yaml:4: market.instrument.tick_size: 0.01 is 0.01 times the lowest close of B/USDT, 0.999: above 0.01 the "
        "rounding of prices would swamp all else: set market.overrides.B/USDT.tick_size to the venue's own tick"
    )


def test_coarse_tick_of_an_override_is_named_as_such_and_mended_there(wire):
    line = refusal(wire, ["market.overrides={A/USDT: {tick_size: 5}}"])
    assert line.startswith("--set market.overrides: market.overrides.A/USDT.tick_size: 5 is 0.05 times the lowest")
    put("B/USDT", 0.02)
    wire("market.overrides={B/USDT: {tick_size: '0.0001'}}")


def test_prices_without_a_grid_pass_however_low(wire):
    put("B/USDT", 1e-9)
    wire("market.instrument.tick_size=0")


def test_prices_of_two_kinds_in_one_run_are_refused_by_name(wire):
    put("B/USDT", 50.0, "split")
    told = "the prices of testing:A/USDT 1h are raw, those of testing:B/USDT 1h are split"
    assert told in refusal(wire)
    wire("data.symbols=[B/USDT]")


def test_finer_bars_of_another_kind_than_the_bars_are_refused_by_name(wire):
    finer = ["data.symbols=[A/USDT]", "data.reference_timeframe=1m", "execution.price_model=reference"]
    put("A/USDT", 100.0, "raw", "1m")
    wire(*finer)
    put("A/USDT", 100.0, "total", "1m")
    assert "testing:A/USDT 1h are raw, those of testing:A/USDT 1m are total" in refusal(wire, finer)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("short=true", "strategy.params.short: expected a whole number, got true"),
        ("short='20'", "strategy.params.short: expected a whole number, got '20' (remove the quotes)"),
        ("short=2.5", "strategy.params.short: expected a whole number, got 2.5"),
        ("weight='1'", "strategy.params.weight: expected a number, got '1' (remove the quotes)"),
        ("flat=1", "strategy.params.flat: expected true or false, got 1"),
        ("windows=[1, x]", "strategy.params.windows[1]: expected a whole number, got 'x'"),
        ("windows=3", "strategy.params.windows: expected a list such as [a, b], got 3"),
        ("shrt=4", "unknown key 'strategy.params.shrt': nearest right key is 'strategy.params.short'"),
        (
            "nothing_like_it=4",
            "unknown key 'strategy.params.nothing_like_it': the keys here are short, weight, windows, flat, since",
        ),
    ],
)
def test_wrong_param_of_a_plug_in_is_refused_as_a_key_of_the_config_is(wire, override, told):
    where = override.partition("=")[0]
    assert refusal(wire, [f"strategy.params.{override}"]) == f"--set strategy.params.{where}: {told}"


def test_wrong_param_in_a_file_is_named_with_its_line(wire):
    Path("x.yaml").write_text(CONFIG + "    lnog: 3\n")
    assert refusal(wire) == (
        "x.yaml:9: unknown key 'strategy.params.lnog': the keys here are short, weight, windows, flat, since"
    )


def test_params_take_whole_numbers_for_numbers_and_lists_and_dates_as_yaml_writes_them(wire):
    inputs, _ = wire("strategy.params={short: 3, weight: 1, windows: [1, 2], since: 2021-01-01}")
    params = inputs.strategy.params
    assert (params.short, params.weight, params.windows) == (3, 1.0, (1, 2))
    assert params.since == date(2021, 1, 1)
