"""The whole tree of figures agrees with itself, with the fills and with JSON."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest

from keel.backtest.search.trial import METRICS
from keel.domain.orders import EventKind
from keel.metrics.summary import headline, periods_per_year, run_trades, summarise


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(rows=5000, symbols=("AAA", "BBB"))


def test_trades_and_costs_add_up_to_the_change_of_equity(run):
    tree = summarise(run)
    trades, strategy = tree["trades"], tree["strategy"]
    assert trades["closed"] > 50
    change = strategy["end_equity"] - strategy["start_equity"]
    assert trades["net_profit"] + trades["open_profit"] == pytest.approx(change, rel=1e-9)


def test_instruments_add_up_to_the_whole(run):
    tree = summarise(run)
    parts = tree["instruments"]
    assert list(parts) == ["AAA", "BBB"]
    wholes = {
        "orders": tree["orders"]["submitted"],
        "fills": tree["orders"]["filled"],
        "refused": tree["orders"]["denied"] + tree["orders"]["rejected"],
        "trades": tree["trades"]["closed"],
        "costs": tree["costs"]["total"]["paid"],
        "carry": tree["cashflows"]["net"],
        "net_profit": tree["trades"]["net_profit"],
        "open_profit": tree["trades"]["open_profit"],
    }
    for name, whole in wholes.items():
        assert sum(part[name] for part in parts.values()) == pytest.approx(whole), name


def test_worst_drawdown_of_the_list_is_the_deepest(run):
    tree = summarise(run)
    listed = tree["drawdowns"]
    assert 1 < len(listed) <= 10
    assert listed[0]["depth"] == tree["strategy"]["max_drawdown"]
    assert listed[0]["peak"] == tree["strategy"]["max_drawdown_peak"]


def test_turnover_of_buy_and_hold_is_what_its_cash_bought(make_run):
    run = make_run(rows=24 * 365 + 1)
    cash = run.benchmark["cash"]
    cash[1:] -= 0.5 * run.benchmark["equity"].mean()
    assert summarise(run)["benchmark"]["turnover"] == pytest.approx(0.5, rel=0.01)


def test_every_branch_is_explained_in_the_documents(run):
    told = (Path(__file__).parents[3] / "docs" / "results.md").read_text(encoding="utf-8")
    section = told.partition("## metrics.json")[2].partition("##")[0]
    heads = "".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", heads)) == set(summarise(run))


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
    assert set(tree["signals"]) == {"buy", "sell", "hold", "by_instrument"}


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
    assert (periods_per_year("24/7", "1d"), periods_per_year("XNYS", "1d")) == (365, 252)
    assert (periods_per_year("24/7", "15m"), periods_per_year("XNYS", "1h")) == (365, 252)
    daily = {"rows": 300, "step_ms": 86_400_000}
    stocks = summarise(make_run(calendar="XNYS", **daily))
    crypto = summarise(make_run(**daily))
    assert crypto["strategy"]["sharpe"] / stocks["strategy"]["sharpe"] == pytest.approx((365 / 252) ** 0.5)


@pytest.mark.parametrize("calendar", ["24/7", "XNYS"])
def test_bars_longer_than_a_day_have_365_and_a_quarter_days_a_year(calendar):
    assert periods_per_year(calendar, "1w") == pytest.approx(365.25 / 7)
    assert periods_per_year(calendar, "2d") == pytest.approx(365.25 / 2)


def test_weekly_bars_give_the_figures_of_a_year_that_daily_bars_of_the_market_give(make_run):
    daily = make_run(rows=7 * 600 + 1, step_ms=86_400_000)
    week = slice(0, None, 7)
    data = daily.config.data.model_copy(update={"timeframe": "1w"})
    weekly = dataclasses.replace(
        daily,
        config=daily.config.model_copy(update={"data": data}),
        bars=daily.bars[week],
        marks=daily.marks[week],
        benchmark=daily.benchmark[week],
    )
    by_day, by_week = summarise(daily)["benchmark"], summarise(weekly)["benchmark"]
    # The deviation of a volatility measured from n returns is about 1 / sqrt(2 n): 3% of 600 weeks.
    assert by_week["annual_volatility"] == pytest.approx(by_day["annual_volatility"], rel=0.12)
    assert by_week["cagr"] == pytest.approx(by_day["cagr"], rel=0.002)
    assert by_week["sharpe"] == pytest.approx(by_day["sharpe"], rel=0.12)
    turnovers = [summarise(run)["strategy"]["turnover"] for run in (daily, weekly)]
    assert turnovers[1] == pytest.approx(turnovers[0], rel=0.02)


def test_million_marks_are_summarised_without_a_loop_over_them(make_run):
    long_run = make_run(rows=1_000_000, step_ms=60_000, every=500)
    started = time.process_time()
    summarise(long_run)
    # A third of a second on an idle machine; a busy one passes, a loop in Python over each figure does not.
    assert time.process_time() - started < 10.0


@pytest.mark.parametrize("rows", [1, 2, 40, 3000])
def test_headline_is_a_part_of_the_whole_tree_to_the_last_bit(make_run, rows):
    run = make_run(rows=rows, symbols=("AAA", "BBB"))
    whole = summarise(run)
    for name, branch in headline(run).items():
        for key, value in branch.items():
            assert value == (whole[name][key] if key != "total" else {"paid": whole[name][key]["paid"]}), (name, key)
    assert headline(run)["strategy"].keys() >= set(METRICS)


def test_open_trade_is_marked_at_the_last_bar_there_is(make_run):
    run = make_run(rows=9000)
    at = int(np.flatnonzero(run.marks["gross"])[0])
    cut = dataclasses.replace(run, marks=run.marks[:9000], events=run.events[run.events["row"] <= at], bars=run.bars)
    run.bars["flags"][at + 1 :] = 0
    assert run_trades(cut).still_open["close_ts_ms"][0] == run.marks["ts_ms"][-1]
    assert run_trades(cut).still_open["exit_price"][0] == run.bars["close"][at, 0]
