"""Rates of quote currencies: the newest close known at each decision, or a clear refusal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bars import hours, stored

from keel.data.rates import RateSeries, rates_for, read_rate
from keel.domain.errors import ConfigError, DataError
from keel.domain.instrument import InstrumentId

EURUSD = InstrumentId("fx", "EUR/USD")


def closes(*hours_and_rates: tuple[int, float]) -> RateSeries:
    """Return the rate of hourly bars that close at each hour of 2021."""
    bars = stored(hours(*(hour - 1 for hour, _ in hours_and_rates)), instrument_id=EURUSD)
    return read_rate(
        replace(bars, table=bars.table.with_columns(close=pl.Series([rate for _, rate in hours_and_rates])))
    )


def at(*numbers: int) -> np.ndarray:
    return np.array(hours(*numbers), dtype=np.int64)


def test_instruments_in_the_accounts_currency_need_no_rates():
    rates = rates_for([("A", "USD"), ("B", "USD")], "USD", {"EUR": 1.1}, at(1, 2))
    assert (rates.shape, rates.dtype) == ((0, 2), np.float64)


def test_each_instrument_has_the_rate_of_its_own_currency():
    quotes = [("A", "USD"), ("B", "EUR"), ("C", "CHF")]
    rates = rates_for(quotes, "USD", {"EUR": closes((1, 1.2), (2, 1.3)), "CHF": 1.1}, at(1, 2))
    assert rates.tolist() == [[1.0, 1.2, 1.1], [1.0, 1.3, 1.1]]


def test_close_counts_from_the_moment_it_is_known():
    rates = rates_for([("A", "EUR")], "USD", {"EUR": closes((3, 1.2), (5, 1.3))}, at(3, 4, 5) - [0, 0, 1])
    assert rates[:, 0].tolist() == [1.2, 1.2, 1.2]


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.integers(1, 150), st.floats(0.01, 100.0), min_size=1),
    st.sets(st.integers(1, 150), min_size=1),
)
def test_rate_of_a_row_is_the_newest_close_and_knows_none_after_it(given_rates, decisions):
    series = sorted(given_rates.items())
    rows = sorted(hour for hour in decisions if hour >= series[0][0])
    if not rows:
        return
    found = rates_for([("A", "EUR")], "USD", {"EUR": closes(*series)}, at(*rows))[:, 0]
    for hour, rate in zip(rows, found, strict=True):
        known = [(closed, close) for closed, close in series if closed <= hour]
        assert rate == max(known)[1]
        assert rates_for([("A", "EUR")], "USD", {"EUR": closes(*known)}, at(hour))[0, 0] == rate


def test_currency_without_a_rate_is_refused_with_the_key_to_add():
    with pytest.raises(ConfigError) as caught:
        rates_for([("A", "USD"), ("BMW", "EUR")], "USD", {"CHF": 1.1}, at(1))
    assert str(caught.value) == (
        "BMW is quoted in EUR, the account is in USD: no rate is given: set data.rates.EUR to USD per EUR, a number or "
        "a stored symbol such as EUR/USD"
    )


def test_series_that_starts_after_the_first_decision_is_refused_with_both_times():
    with pytest.raises(DataError) as caught:
        rates_for([("A", "EUR")], "USD", {"EUR": closes((3, 1.2))}, at(2, 3))
    assert str(caught.value) == (
        "data.rates.EUR: fx:EUR/USD 1h closes first at 2021-01-01 03:00 UTC, after the first decision at 2021-01-01 "
        "02:00 UTC: import earlier bars, or start the run later"
    )


def test_close_serves_for_seven_days_and_not_an_hour_longer():
    rate = {"EUR": closes((1, 1.2))}
    week = 7 * 24 + 1
    assert rates_for([("A", "EUR")], "USD", rate, at(1, week)).tolist() == [[1.2], [1.2]]
    with pytest.raises(DataError) as caught:
        rates_for([("A", "EUR")], "USD", rate, at(1, week + 1))
    assert str(caught.value) == (
        "data.rates.EUR: fx:EUR/USD 1h: at 2021-01-08 02:00 UTC its newest close is 7.0 days old, of 2021-01-01 01:00 "
        "UTC: import the bars that are missing"
    )


def test_rate_of_bars_longer_than_a_week_serves_until_the_next_may_close():
    bars = stored([hours(0)[0]], timeframe="4w", instrument_id=EURUSD)
    month = 28 * 24
    rates = rates_for([("A", "EUR")], "USD", {"EUR": read_rate(bars)}, at(month, 2 * month))
    assert rates.tolist() == [[100.0], [100.0]]
