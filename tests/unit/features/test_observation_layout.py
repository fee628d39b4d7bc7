"""Every number of an observation stands where its name says."""

from __future__ import annotations

import numpy as np
import pytest

from keel.features.account_nb import write_instrument_nb, write_portfolio_nb
from keel.features.observation_layout import ObservationLayout

LAYOUT = ObservationLayout(
    window=2,
    symbols=("A", "B", "C"),
    features=("rsi_14", "atr_14"),
    account=("in_flight", "drawdown", "weight"),
)


def written(layout, equity=200.0, peak=250.0, **instrument):
    """Return an observation of NaN with the account features in it, the same of each instrument."""
    numbers = {"qty": 2.0, "average_price": 40.0, "mark": 50.0, "rate": 1.0, "live_qty": -1.0, "bars_held": 99}
    numbers |= instrument
    out = np.full(layout.size, np.nan, dtype=np.float32)
    for i in range(len(layout.symbols)):
        start = layout.account_start + i * layout.account_stride
        write_instrument_nb(out, start, layout.instrument_places, equity, *numbers.values())
    write_portfolio_nb(out, layout.drawdown_place, equity, peak)
    return dict(zip(layout.names(), out.tolist(), strict=True))


def one(account, **numbers):
    """Return one account feature of one instrument."""
    [value] = written(ObservationLayout(0, ("A",), (), (account,)), **numbers).values()
    return value


def test_names_are_bars_oldest_first_then_instruments_then_the_portfolio():
    assert LAYOUT.names() == (
        "A rsi_14 t-1", "A atr_14 t-1", "B rsi_14 t-1", "B atr_14 t-1", "C rsi_14 t-1", "C atr_14 t-1",
        "A rsi_14 t-0", "A atr_14 t-0", "B rsi_14 t-0", "B atr_14 t-0", "C rsi_14 t-0", "C atr_14 t-0",
        "A in_flight", "A weight", "B in_flight", "B weight", "C in_flight", "C weight",
        "drawdown",
    )  # fmt: skip
    assert LAYOUT.size == len(LAYOUT.names()) == 19


def test_bars_part_is_the_flat_rows_of_the_features_array():
    features = np.arange(10 * 3 * 2, dtype=np.float32).reshape(10, 3, 2)
    flat = features[4 - 1 : 4 + 1].ravel()
    names = LAYOUT.names()[: LAYOUT.account_start]
    assert flat[names.index("B atr_14 t-1")] == features[3, 1, 1]
    assert flat[names.index("C rsi_14 t-0")] == features[4, 2, 0]
    assert len(flat) == LAYOUT.account_start


def test_account_is_written_under_its_names():
    observation = written(LAYOUT)
    for symbol in "ABC":
        assert observation[f"{symbol} weight"] == pytest.approx(0.5)
        assert observation[f"{symbol} in_flight"] == pytest.approx(-0.25)
    assert observation["drawdown"] == pytest.approx(10 * (1 - 200 / 250))
    assert all(np.isnan(observation[name]) for name in LAYOUT.names()[: LAYOUT.account_start])


def test_nothing_is_written_where_nothing_is_wanted():
    layout = ObservationLayout(1, ("A",), ("x",), ())
    assert (layout.size, layout.account_stride, layout.drawdown_place) == (1, 0, -1)
    assert np.isnan(written(layout)["A x t-0"])


def test_each_account_feature_is_about_one_where_it_matters():
    assert one("weight", rate=0.5, qty=-2.0) == pytest.approx(-0.25)
    assert one("unrealised") == pytest.approx(10 * 2.0 * (50.0 - 40.0) / 200.0)
    assert one("unrealised", qty=-2.0, rate=2.0) == pytest.approx(-2.0)
    assert one("bars_held", bars_held=0) == 0.0
    assert one("bars_held", bars_held=999) == pytest.approx(1.0)
    assert one("in_flight", live_qty=4.0) == pytest.approx(1.0)
    assert one("drawdown", equity=225.0) == pytest.approx(1.0)
    assert one("drawdown", equity=300.0) == 0.0


WRONG = [0.0, -5.0, np.nan, np.inf, -np.inf, 1e308, 1e-308]


@pytest.mark.parametrize("name", ["weight", "unrealised", "bars_held", "in_flight", "drawdown"])
@pytest.mark.parametrize("key", ["equity", "peak", "qty", "average_price", "mark", "rate", "live_qty"])
def test_account_features_are_finite_and_bounded_whatever_they_are_made_of(name, key):
    for wrong in WRONG:
        assert abs(one(name, **{key: wrong})) <= 10.0
        assert abs(one(name, equity=1e-300, **({key: wrong} if key != "equity" else {}))) <= 10.0


def test_instrument_that_never_had_a_bar_is_all_zero():
    numbers = {"qty": 0.0, "average_price": 0.0, "mark": np.nan, "rate": np.nan, "live_qty": 0.0, "bars_held": 0}
    for name in ("weight", "unrealised", "bars_held", "in_flight"):
        assert one(name, **numbers) == 0.0


def test_account_without_equity_is_no_fraction_of_anything():
    assert one("weight", equity=-10.0) == 0.0
    assert one("drawdown", equity=-10.0) == 10.0


@pytest.mark.parametrize("first", [1, -1])
def test_every_account_feature_finds_its_place_in_any_order(first):
    account = ("bars_held", "in_flight", "unrealised", "weight", "drawdown")[::first]
    layout = ObservationLayout(1, ("A", "B"), ("x",), account)
    observation = written(layout)
    for symbol in "AB":
        found = [observation[f"{symbol} {name}"] for name in ("weight", "unrealised", "bars_held", "in_flight")]
        assert found == pytest.approx([0.5, 1.0, 2 / 3, -0.25])


def test_account_of_cents_is_seen_as_one_of_millions_and_one_of_nothing_as_nothing():
    assert one("weight", equity=0.5, qty=0.001) == pytest.approx(0.1)
    assert one("drawdown", equity=0.4, peak=0.5) == pytest.approx(2.0)
    assert one("weight", equity=0.0) == 0.0
    assert one("drawdown", equity=0.0, peak=0.0) == 0.0
    assert one("drawdown", equity=1.0, peak=0.0) == 0.0
