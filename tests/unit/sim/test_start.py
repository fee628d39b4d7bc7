"""A run begins the same whatever its record held before."""

from __future__ import annotations

import numpy as np
import pytest
from made_markets import make_bars, make_run, make_slots

from keel.domain.layout import LOCAL, VENUE
from keel.sim.start_nb import start_run_nb

GROWING = ("half_spread_bps", "impact_coefficient", "entry_ms", "response_ms", "jitter_ms")


def test_run_begins_at_its_row_with_both_books_alike_whatever_stood_there_before():
    bars, slots = make_bars(np.random.default_rng(1), 8, 2), make_slots(2)
    run = make_run(max_orders_per_minute=30.0)
    for field in ("last_local_equity", "day_start_equity", "peak_equity", "rate_tokens"):
        run[field] = 77.0
    run["cash"], run["equity"], run["row"], run["first_row"] = (500.0, 3.0), (1.0, 2.0), 6, 5
    run["last_close_ts_ms"] = run["rate_ts_ms"] = 9
    slots["action_start"], slots["next_corporate"], slots["next_funding"], slots["rate"] = (4, 6), 99, 99, 7.0
    rates = np.arange(16, dtype=np.float64).reshape(8, 2)
    start_run_nb(bars, rates, run, slots, 3)
    record = run[0]
    assert record["cash"].tolist() == record["equity"].tolist() == [500.0, 500.0]
    for field in ("last_local_equity", "day_start_equity", "peak_equity"):
        assert record[field] == 500.0
    assert (record["row"], record["first_row"], record["rate_tokens"]) == (3, 3, 30.0)
    assert record["last_close_ts_ms"] == bars[3, 0]["open_ts_ms"]
    assert record["rate_ts_ms"] == bars[3, 0]["close_ts_ms"]
    assert slots["next_corporate"].tolist() == slots["next_funding"].tolist() == [4, 6]
    assert slots["rate"].tolist() == [6.0, 7.0]
    assert (VENUE, LOCAL) == (0, 1)


def test_prices_of_the_accounts_own_currency_count_as_they_are():
    slots = make_slots(2)
    slots["rate"] = 7.0
    start_run_nb(make_bars(np.random.default_rng(1), 2, 2), np.zeros((0, 2)), make_run(), slots, 0)
    assert slots["rate"].tolist() == [1.0, 1.0]


def test_single_row_of_rates_counts_as_any_other():
    slots = make_slots(2)
    start_run_nb(make_bars(np.random.default_rng(1), 1, 2), np.array([[3.0, 4.0]]), make_run(), slots, 0)
    assert slots["rate"].tolist() == [3.0, 4.0]


@pytest.mark.parametrize("grows", [None, *GROWING])
def test_volatility_is_reckoned_where_something_grows_with_it(grows):
    run = make_run(**dict.fromkeys(GROWING, 0.0) | ({grows: 0.5} if grows else {}))
    start_run_nb(make_bars(np.random.default_rng(1), 2, 1), np.zeros((0, 1)), run, make_slots(1), 0)
    assert bool(run[0]["needs_volatility"]) is (grows is not None)
