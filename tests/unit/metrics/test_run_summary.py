"""The whole tree of figures agrees with itself, with the fills and with JSON."""

from __future__ import annotations

import dataclasses
import json
import time

import numpy as np
import pytest

from keel.domain.orders import EventKind
from keel.metrics.summary import periods_per_year, run_trades, summarise


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(rows=5000, symbols=("AAA", "BBB"))


def test_trades_and_costs_add_up_to_the_change_of_equity(run):
    tree = summarise(run)
    trades, strategy = tree["trades"], tree["strategy"]
    assert trades["closed"] > 50
    change = strategy["end_equity"] - strategy["start_equity"]
    assert trades["net_profit"] + trades["open_profit"] == pytest.approx(change, rel=1e-9)


def test_tree_survives_json_without_nan(run):
    tree = summarise(run)
    assert json.loads(json.dumps(tree, allow_nan=False)) == tree


def test_equal_runs_give_equal_trees(run):
    assert summarise(run) == summarise(dataclasses.replace(run, run_id="another"), run_trades(run))


def test_orders_rejections_and_signals_are_told_by_name(run):
    tree = summarise(run)
    assert tree["orders"]["filled"] == np.count_nonzero(run.events["kind"] == EventKind.FILLED)
    assert sum(tree["rejections"].values()) == tree["orders"]["denied"] + tree["orders"]["rejected"]
    assert set(tree["rejections"]) == {"not_shortable", "insufficient_funds"}
    assert tree["cancellations"] == {"target_changed": tree["orders"]["canceled"]}
    assert set(tree["clipped"]) == {"buying_power"}
    assert tree["orders"]["timeouts"] == 2
    assert set(tree["signals"]) == {"buy", "sell", "hold"}


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_run_cut_short_has_nulls_instead_of_ratios(make_run, rows):
    tree = summarise(make_run(rows=rows, status="interrupted"))
    assert tree["status"] == "interrupted"
    assert tree["strategy"]["sharpe"] is None
    assert tree["trades"]["win_rate"] is None
    assert tree["period"]["bars"] == rows


def test_partial_run_is_measured_over_the_rows_done(make_run):
    whole = make_run(rows=400)
    done = 250
    events = whole.events[whole.events["row"] < done]
    cut = dataclasses.replace(
        whole, marks=whole.marks[:done], benchmark=whole.benchmark[:done], events=events, status="kill_switch"
    )
    tree = summarise(cut)
    assert (tree["period"]["bars"], tree["period"]["bars_planned"]) == (done, 400)
    assert tree["strategy"]["end_equity"] == whole.marks["equity"][done - 1]
    change = tree["strategy"]["end_equity"] - tree["strategy"]["start_equity"]
    assert tree["trades"]["net_profit"] + tree["trades"]["open_profit"] == pytest.approx(change)


def test_year_has_365_days_round_the_clock_and_252_with_sessions(make_run):
    assert (periods_per_year("24/7"), periods_per_year("XNYS")) == (365, 252)
    daily = {"rows": 300, "step_ms": 86_400_000}
    stocks = summarise(make_run(calendar="XNYS", **daily))
    crypto = summarise(make_run(**daily))
    assert crypto["strategy"]["sharpe"] / stocks["strategy"]["sharpe"] == pytest.approx((365 / 252) ** 0.5)


def test_million_marks_are_summarised_in_a_third_of_a_second(make_run):
    long_run = make_run(rows=1_000_000, step_ms=60_000, every=500)
    taken = []
    for _ in range(3):
        started = time.process_time()
        summarise(long_run)
        taken.append(time.process_time() - started)
    assert min(taken) < 0.3
