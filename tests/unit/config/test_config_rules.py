"""Combinations that cannot be right are refused, and the message says the mend."""

from __future__ import annotations

import pytest

LIVE = "venue={address: http://127.0.0.1:8900}"
LIMITS = "risk={daily_loss: 0.05, max_drawdown: 0.3, max_orders_per_min: 60}"
FIRST_TIER = "{volume_30d: 0, taker_bps: 10, maker_bps: 8}"
SECOND_TIER = "{volume_30d: 1000, taker_bps: 5, maker_bps: 0}"

RULES = [
    (
        ["risk.max_sector_weight=0.3"],
        "--set risk.max_sector_weight: risk.sectors: sector caps need it: name a CSV file of the columns symbol and "
        "sector",
    ),
    (
        ["risk.sectors=sectors.csv"],
        "--set risk.sectors: risk.max_sector_weight: risk.sectors has no cap: give it or risk.sector_weights a value, "
        "or set risk.sectors to null",
    ),
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
        ["data.rates={USDT: 2}"],
        "--set data.rates: data.rates.USDT: USDT is the account's currency, worth 1 of itself: remove it, or set "
        "account.currency",
    ),
    (
        ["account.initial_margin=0.5"],
        "--set account.initial_margin: account.initial_margin: a cash account needs 1, got 0.5: set account.type to "
        "margin to borrow",
    ),
    (
        ["account.interest_rate=0.05"],
        "--set account.interest_rate: account.interest_rate: a cash account borrows nothing: set it to 0, or "
        "account.type to margin",
    ),
    (
        ["account.maintenance_margin=0.1"],
        "--set account.maintenance_margin: account.maintenance_margin: a cash account cannot be liquidated: remove it",
    ),
    (
        ["account={type: margin, initial_margin: 0.25}", "account.maintenance_margin=0.25"],
        "--set account.maintenance_margin: account.maintenance_margin: must be below initial_margin (0.25), or any "
        "position is liquidated",
    ),
    (
        ["account.type=margin", "account.maintenance_margin=1.5"],
        "--set account.maintenance_margin: account.maintenance_margin: must be below initial_margin (1), or any "
        "position is liquidated",
    ),
    (
        ["account.liquidation_fee_bps=1001"],
        "--set account.liquidation_fee_bps: account.liquidation_fee_bps: expected a number of at most 1000, got 1001",
    ),
    (
        ["account.interest_rate=5"],
        "--set account.interest_rate: account.interest_rate: expected a number of at most 1, got 5",
    ),
    (
        ["market.instrument.borrow_rate=-0.1"],
        "--set market.instrument.borrow_rate: market.instrument.borrow_rate: expected a number of at least 0, got -0.1",
    ),
    (
        ["market.instrument.fee_currency=BTC"],
        "--set market.instrument.fee_currency: market.instrument.fee_currency: expected 'quote' or 'base', got 'BTC'",
    ),
    (
        ["market.instrument.quote_currency=eur"],
        "--set market.instrument.quote_currency: market.instrument.quote_currency: expected a currency such as USDT or "
        "USD, got 'eur'",
    ),
    (
        ["market.instrument.fee_currency=base", "fees.minimum=1"],
        "--set fees.minimum: fees.minimum: must be 0 where market's fee_currency is base: a fee kept from what is "
        "bought has no minimum",
    ),
    (
        ["market.overrides={SYNBTC/USDT: {fee_currency: base}}", "fees.minimum=1"],
        "--set fees.minimum: fees.minimum: must be 0 where market's fee_currency is base: a fee kept from what is "
        "bought has no minimum",
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
        ["fees.maker_bps=0.0002"],
        "--set fees.maker_bps: fees.maker_bps: 0.0002 looks like a fraction, bps are meant: 0.001 = 10 bps, so write 2",
    ),
    (
        ["fees.sell_fee_bps=51"],
        "--set fees.sell_fee_bps: fees.sell_fee_bps: expected a number of at most 50, got 51",
    ),
    (
        ["fees.sell_fee_per_unit=2"],
        "--set fees.sell_fee_per_unit: fees.sell_fee_per_unit: expected a number of at most 1, got 2",
    ),
    (
        [f"fees.tiers=[{FIRST_TIER}]"],
        "--set fees.tiers: fees.tiers: one tier is no choice: give taker_bps and maker_bps instead, or more tiers",
    ),
    (
        [f"fees.tiers=[{', '.join([FIRST_TIER] * 17)}]"],
        "--set fees.tiers: fees.tiers: expected at most 16, got 17",
    ),
    (
        [f"fees.tiers=[{SECOND_TIER}, {FIRST_TIER}]"],
        "--set fees.tiers: fees.tiers: the first tier begins at volume_30d 0, got 1000",
    ),
    (
        [f"fees.tiers=[{FIRST_TIER}, {SECOND_TIER}, {SECOND_TIER}]"],
        "--set fees.tiers: fees.tiers: volume_30d must rise from tier to tier: 1000 follows 1000",
    ),
    (
        [f"fees.tiers=[{FIRST_TIER}, {{volume_30d: 1000, taker_bps: 0.0005, maker_bps: 0}}]"],
        "--set fees.tiers: fees.tiers[1].taker_bps: 0.0005 looks like a fraction, bps are meant: 0.001 = 10 bps, so "
        "write 5",
    ),
    (
        [f"fees.tiers=[{FIRST_TIER}, {{volume_30d: 1000, taker_bps: 5}}]"],
        "--set fees.tiers: missing key 'fees.tiers[1].maker_bps': it has no default",
    ),
    (
        ["exits.stop_loss={fraction: 0.1, atr: 2}"],
        "--set exits.stop_loss: exits.stop_loss.fraction: give one of fraction and atr",
    ),
    (
        ["exits.take_profit={}"],
        "--set exits.take_profit: exits.take_profit.fraction: give one of fraction and atr",
    ),
    (
        ["exits.take_profit={fraction: 0.1, trailing: true}"],
        "--set exits.take_profit: unknown key 'exits.take_profit.trailing': nearest right key is "
        "'exits.stop_loss.trailing'",
    ),
    (
        ["exits.stop_loss={fraction: 1}"],
        "--set exits.stop_loss: exits.stop_loss.fraction: expected a number below 1, got 1",
    ),
    (
        ["exits.stop_loss=0.1"],
        "--set exits.stop_loss: exits.stop_loss: expected keys below it, got 0.1",
    ),
    (
        ["execution.limit_fill=cross"],
        "--set execution.limit_fill: execution.limit_fill: expected 'through' or 'touch', got 'cross'",
    ),
    (
        ["execution.time_in_force=gtd"],
        "--set execution.time_in_force: execution.time_in_force: expected 'gtc', 'ioc', 'day', 'fok', 'at_open' or "
        "'at_close', got 'gtd'",
    ),
    (
        ["execution.time_in_force=at_close"],
        "--set execution.time_in_force: execution.time_in_force: 24/7 markets hold no auctions: set it to gtc, ioc, "
        "day or fok",
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
        [LIMITS, LIVE, "mode=live", "risk.max_drawdown=null"],
        "--set risk.max_drawdown: risk.max_drawdown: limits off (null) is an error in mode live: give it a value",
    ),
    (
        [LIVE, "mode=live"],
        "x.yaml: risk.daily_loss: limits off (null) is an error in mode live: give it or risk.daily_loss_limit a value",
    ),
    (
        [LIMITS, LIVE, "mode=live", "risk.max_order_weight=null"],
        "--set risk.max_order_weight: risk.max_order_weight: limits off (null) is an error in mode live: give it or "
        "risk.max_order_notional a value",
    ),
    (
        [LIMITS, LIVE, "mode=live", "risk.max_position_weight=null", "risk.max_order_notional=500"],
        "--set risk.max_position_weight: risk.max_position_weight: limits off (null) is an error in mode live: give "
        "it or risk.max_abs_position_notional a value",
    ),
    (
        [LIMITS, LIVE, "mode=live", "risk.max_orders_per_min=null"],
        "--set risk.max_orders_per_min: risk.max_orders_per_min: limits off (null) is an error in mode live: give it "
        "a value",
    ),
    (
        [LIMITS, LIVE, "mode=live", "risk.max_gross_weight=null"],
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
    ["account={type: margin, initial_margin: 0.25, maintenance_margin: 0.2}"],
    ["account={type: margin, maintenance_margin: 0, interest_rate: 1, liquidation_fee_bps: 1000}"],
    ["market.instrument={fee_currency: base, quote_currency: EUR, borrow_rate: 10}"],
    ["market.instrument.fee_currency=base", "market.overrides={SYNBTC/USDT: {fee_currency: quote}}", "fees.minimum=1"],
    [f"fees.tiers=[{FIRST_TIER}, {SECOND_TIER}]"],
    ["fees={maker_bps: 0, sell_fee_bps: 0.278, sell_fee_per_unit: 0.000166, sell_fee_per_unit_max: 8.3}"],
    ["exits={stop_loss: {atr: 2, trailing: true}, take_profit: {fraction: 0.1}, atr_bars: 20}"],
    ["execution.limit_fill=touch", "execution.time_in_force=fok"],
    ["risk.max_orders_per_min=6"],
    ["fees.taker_bps=50"],
    ["fees.taker_bps=0.05"],
    ["fees.taker_bps=0"],
    ["volatility.short_bars=199"],
    [f"seasonality.latency=[{', '.join(['1'] * 167)}, 1.0001]"],
    ["seasonality.latency=null", "seasonality.spread=null"],
    [LIMITS, LIVE, "mode=live"],
    [
        "risk={max_order_weight: null, max_order_notional: 500, max_position_weight: null, daily_loss_limit: 100, "
        "max_abs_position_notional: 1000, max_drawdown: 0.3, max_orders_per_min: 10}",
        LIVE,
        "mode=live",
    ],
    ["risk.enabled=true"],
]


@pytest.mark.parametrize("overrides", MENDED)
def test_mended_combination_is_accepted(load, overrides):
    load("", *overrides)
