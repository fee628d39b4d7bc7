"""Combinations that cannot be right are refused, and the message says the mend."""

from __future__ import annotations

import pytest

LIMITS = "risk={daily_loss: 0.05, max_drawdown: 0.3, max_orders_per_min: 60}"

RULES = [
    (
        ["data.start=2021-01-01", "data.end=2021-01-01"],
        "--set data.end: data.end: the end must come after the start, 2021-01-01 00:00 UTC",
    ),
    (
        ["data.provider={kind: synthetic, start: 2022-01-01, end: 2021-01-01}"],
        "--set data.provider: data.provider.end: the end must come after the start, 2022-01-01 00:00 UTC",
    ),
    (
        ["execution.price_model=reference"],
        "x.yaml:2: data.reference_timeframe: execution.price_model reference needs finer bars: set it, to 1m "
        "for instance",
    ),
    (
        ["data.reference_timeframe=1m"],
        "--set data.reference_timeframe: data.reference_timeframe: execution.price_model open does not use it: "
        "set it to null",
    ),
    (
        ["data.reference_timeframe=1h", "execution.price_model=reference"],
        "--set data.reference_timeframe: data.reference_timeframe: 1h must be finer than 1h and divide it evenly",
    ),
    (
        ["data.reference_timeframe=7m", "execution.price_model=reference"],
        "--set data.reference_timeframe: data.reference_timeframe: 7m must be finer than 1h and divide it evenly",
    ),
    (
        ["data.sources={SPY: {venue: stocks}}"],
        "--set data.sources: data.sources: SPY is neither in data.symbols nor in data.rates: add it there or remove it "
        "here",
    ),
    (
        ["market.timezone=America/New_York"],
        "--set market.timezone: market.timezone: a 24/7 market needs timezone UTC, got America/New_York",
    ),
    (
        ["market.overrides={BTC/USDT: {min_qty: 1}}"],
        "--set market.overrides: market.overrides: BTC/USDT is not in data.symbols: add it there or remove its "
        "overrides",
    ),
    (
        ["account.initial_margin=0.5"],
        "--set account.initial_margin: account.initial_margin: a cash account needs 1, got 0.5: set account.type to "
        "margin to borrow",
    ),
    (
        ["market.instrument.shortable=true"],
        "x.yaml: account.type: a cash account holds no shorts: set it to margin, or shortable to false under market",
    ),
    (
        ["market.overrides={SYNBTC/USDT: {shortable: true}}", "account.type=cash"],
        "--set account.type: account.type: a cash account holds no shorts: set it to margin, or shortable to false "
        "under market",
    ),
    (
        ["execution.max_participation=null"],
        "x.yaml: impact.coefficient: must be 0 while execution.max_participation is null: set one of the two",
    ),
    (
        ["fees.taker_bps=100"],
        "--set fees.taker_bps: fees.taker_bps: 100 bps is 1% a side, above the limit of 50 bps: did you mean 10 "
        "(0.1%)?",
    ),
    (
        ["fees.taker_bps=1000"],
        "--set fees.taker_bps: fees.taker_bps: 1000 bps is 10% a side, above the limit of 50 bps: did you mean "
        "10 (0.1%)?",
    ),
    (
        ["fees.taker_bps=0.001"],
        "--set fees.taker_bps: fees.taker_bps: 0.001 looks like a fraction, bps are meant: 0.001 = 10 bps, so write 10",
    ),
    (
        ["risk.max_orders_per_min=5"],
        "--set risk.max_orders_per_min: risk.max_orders_per_min: must be above close_order_reserve (5), or no "
        "position could be opened",
    ),
    (
        ["volatility.short_bars=200"],
        "--set volatility.short_bars: volatility.long_bars: must be above short_bars (200), got 200",
    ),
    (
        [f"seasonality.latency=[{', '.join(['1.05'] * 168)}]"],
        "--set seasonality.latency: seasonality.latency: the mean must be 1, it is 1.05: divide every number by 1.05",
    ),
    (
        [LIMITS, "mode=live", "risk.max_drawdown=null"],
        "--set risk.max_drawdown: risk.max_drawdown: limits off (null) is an error in mode live: give it a value",
    ),
    (
        ["mode=live"],
        "x.yaml: risk.daily_loss: limits off (null) is an error in mode live: give it or risk.daily_loss_limit a value",
    ),
    (
        [LIMITS, "mode=live", "risk.max_order_weight=null"],
        "--set risk.max_order_weight: risk.max_order_weight: limits off (null) is an error in mode live: give it or "
        "risk.max_order_notional a value",
    ),
    (
        [LIMITS, "mode=live", "risk.max_position_weight=null", "risk.max_order_notional=500"],
        "--set risk.max_position_weight: risk.max_position_weight: limits off (null) is an error in mode live: give "
        "it or risk.max_abs_position_notional a value",
    ),
    (
        [LIMITS, "mode=live", "risk.max_orders_per_min=null"],
        "--set risk.max_orders_per_min: risk.max_orders_per_min: limits off (null) is an error in mode live: give it "
        "a value",
    ),
    (
        [LIMITS, "mode=live", "risk.max_gross_weight=null"],
        "--set risk.max_gross_weight: risk.max_gross_weight: limits off (null) is an error in mode live: give it a "
        "value",
    ),
    (
        ["risk.enabled=false"],
        "--set risk.enabled: risk.enabled: risk is always on: set single limits to null instead",
    ),
]


@pytest.mark.parametrize(("overrides", "message"), RULES)
def test_impossible_combination_is_refused_with_the_mend(refusal, overrides, message):
    assert refusal("", *overrides) == message


MENDED = [
    ["data.start=2021-01-01", "data.end=2021-01-01T00:00:00.001Z"],
    ["execution.price_model=reference", "data.reference_timeframe=1m"],
    ["market.calendar=XNYS", "market.timezone=America/New_York"],
    ["market.overrides={SYNBTC/USDT: {min_qty: 1}}"],
    ["account.type=margin", "account.initial_margin=0.5", "market.instrument.shortable=true"],
    ["execution.max_participation=null", "impact.coefficient=0"],
    ["risk.max_orders_per_min=6"],
    ["fees.taker_bps=50"],
    ["fees.taker_bps=0.05"],
    ["fees.taker_bps=0"],
    ["volatility.short_bars=199"],
    [f"seasonality.latency=[{', '.join(['1'] * 167)}, 1.0001]"],
    ["seasonality.latency=null", "seasonality.spread=null"],
    [LIMITS, "mode=live"],
    [
        "risk={max_order_weight: null, max_order_notional: 500, max_position_weight: null, daily_loss_limit: 100, "
        "max_abs_position_notional: 1000, max_drawdown: 0.3, max_orders_per_min: 10}",
        "mode=live",
    ],
    ["risk.enabled=true"],
]


@pytest.mark.parametrize("overrides", MENDED)
def test_mended_combination_is_accepted(load, overrides):
    load("", *overrides)
