"""Random cases that trade. Everything is drawn as small integers, so that hypothesis shrinks to cases one can read.

Prices are whole numbers of a price unit, weights are tenths, volumes and cash are multiples of a typical order,
latencies are fractions of a bar. The first value of every choice is its plainest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from keel.domain.orders import PriceModel, TimeInForce

from .case import Bar, Case, Row, Rules, Seasonality, Step
from .case_money import actions, after_splits, exits, extra_fees, margins, rates, tiers
from .case_requests import quotes_by_row, requests_by_row
from .case_timelines import Timeline, timelines
from .packed import among, packed

NAN = float("nan")
UINT32 = st.integers(0, 2**32 - 1)

STEPS = [Step(1.0, 1.0), Step(), Step(1.0, 1e5), Step(1.0, 10.0), Step(25.0, 100.0), Step(100.0, 1.0)]
PRICE_UNITS = [0.01, 1.0, 1e-8, 0.003, 1000.0]
TICKS = {
    0.01: [Step(1.0, 100.0), Step(), Step(5.0, 100.0), Step(1.0, 1.0)],
    1.0: [Step(1.0, 1.0), Step(1.0, 100.0), Step(25.0, 1.0)],
    1e-8: [Step(1.0, 1e8), Step(5.0, 1e8), Step(1.0, 1e6)],
    0.003: [Step(), Step(1.0, 100.0), Step(1.0, 1000.0)],
    1000.0: [Step(1.0, 1.0), Step(1000.0, 1.0)],
}
LEVELS = [10_000, 300, 7, 3_000_000]
SWINGS = [100, 10, 1000]
"""A bar moves by up to about 1/100 (1/10, 1/1000) of the starting price."""
VOLUMES = [200, 200, 50, 50, 50, 20, 5, 2, 10_000, 0, NAN]
"""A bar's volume in tenths of a typical order, or of a small part of one where the market is thin."""

LIVES = [TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.DAY, TimeInForce.FOK]
"""What a target's order may be; it has no time of expiry."""
SESSION_LIVES = [*LIVES, TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE]
"""What it may be in a market that closes."""

MOST_STEPS = 1e10
"""A typical order stays far below 2^53 steps, even where the price falls a thousandfold."""

FLAT, MISSING, LATE = 9, 10, 11


@dataclass(frozen=True)
class Asset:
    """Hold one instrument's rules, its bars and rates by row, and the quantity that the account can afford of it.

    `move` is a quarter of what its price does in a bar.
    """

    rules: Rules
    bars: tuple[Bar | None, ...]
    rates: tuple[float, ...]
    typical_qty: float
    move: float


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw one simulation of 1 to 4 instruments over 1 to 40 rows."""
    timeline = draw(timelines())
    price_model = draw(among(*PriceModel), label="price_model")
    margin = draw(st.booleans(), label="margin account")
    lots = draw(among(1000, 50, 100_000, 10**9), label="lots")
    count = draw(among(1, 2, 3, 1, 2, 4), label="instruments")
    first = draw(assets(timeline, price_model, margin, None, lots))
    cash = first.typical_qty * _first_price(first) * first.rates[0]
    others = [draw(assets(timeline, price_model, margin, cash, lots)) for _ in range(count - 1)]
    everyone = _with_a_bar_in_every_row(timeline, (first, *others))
    parameters = {
        **draw(accounts(margin, SESSION_LIVES if timeline.has_sessions else LIVES)),
        **draw(costs()),
        **draw(latencies(timeline.bar_ms)),
        **draw(limits(cash)),
        **draw(squeezes(timeline.bar_ms)),
        **draw(exits(4 * first.move / _first_price(first))),
        "tiers": draw(tiers(cash)),
    }
    return Case(
        rows=draw(rows_of(timeline, everyone, margin)),
        instruments=tuple(asset.rules for asset in everyone),
        initial_cash=cash,
        price_model=price_model,
        margin_account=margin,
        **parameters,
        **draw(margins(margin, parameters["initial_margin"])),
    )


@st.composite
def rows_of(draw: st.DrawFn, timeline: Timeline, everyone: tuple[Asset, ...], margin: bool) -> tuple[Row, ...]:
    """Draw what the strategy wants at each row: targets, requests, or both."""
    slots, count = timeline.slots, len(everyone)
    wants = draw(among("targets", "targets", "requests", "both", "requests"), label="wants")
    targets = [(None,) * count] * len(slots)
    if wants != "requests":
        targets = draw(target_weights(len(slots), count, margin))
    requests = [()] * len(slots)
    bars = [tuple(asset.bars[k] for asset in everyone) for k in range(len(slots))]
    if wants != "targets":
        quotes = quotes_by_row(bars, [asset.move for asset in everyone], [asset.typical_qty for asset in everyone])
        requests = draw(requests_by_row(quotes, [slot.close_ts_ms for slot in slots], timeline))
    converts = any(rate != 1 for asset in everyone for rate in asset.rates)
    return tuple(
        Row(
            slot.close_ts_ms,
            slot.day,
            slot.ends_day,
            bars[k],
            targets[k],
            requests[k],
            tuple(asset.rates[k] for asset in everyone) if converts else (),
            slot.extended,
            slot.closes_session,
            slot.until_minutes,
        )
        for k, slot in enumerate(slots)
    )


def _first_price(asset: Asset) -> float:
    return next((bar.open for bar in asset.bars if bar is not None), 1.0)


def _with_a_bar_in_every_row(timeline: Timeline, everyone: tuple[Asset, ...]) -> tuple[Asset, ...]:
    """Give the first instrument a flat bar in rows where nobody has one: a row exists because somebody's bar closed."""
    first, bars, price = everyone[0], [], _first_price(everyone[0])
    for k, slot in enumerate(timeline.slots):
        bar = first.bars[k]
        if bar is None and all(asset.bars[k] is None for asset in everyone[1:]):
            minute = timeline.minute_of_week(slot.open_ts_ms)
            bar = Bar(slot.open_ts_ms, slot.close_ts_ms, price, price, price, price, 0.0, minute)
        price = price if bar is None else bar.close
        bars.append(bar)
    return (replace(first, bars=tuple(bars)), *everyone[1:])


@st.composite
def assets(
    draw: st.DrawFn, timeline: Timeline, price_model: PriceModel, margin: bool, cash: float | None, lots: int
) -> Asset:
    """Draw one instrument: a price walk in whole units, its volumes, its venue rules."""
    unit = draw(among(*PRICE_UNITS), label="price unit")
    level = draw(among(*LEVELS), label="price level")
    step = draw(among(*STEPS), label="step")
    swing = max(1, level // draw(among(*SWINGS), label="swing"))
    smallest = step.mantissa / step.scale if step.mantissa else 0.37
    currency = draw(among(1.0, 1.0, 1.0, 0.5, 150.0), label="currency")
    typical = lots * smallest if cash is None else cash / (level * unit * currency)
    if typical / smallest > MOST_STEPS:
        step = Step()
    liquidity = draw(among(1.0, 1.0, 0.05), label="liquidity")
    bars = draw(price_walks(timeline, unit, level, swing, typical * liquidity))
    happens = draw(actions(timeline, level * unit))
    bars = after_splits(timeline, bars, happens)
    fine = draw(finer_bars(bars, unit)) if price_model == PriceModel.REFERENCE else ()
    small = draw(among(0.0, 0.0, 0.0, 0.2), label="minimum order in typical orders")
    rules = Rules(
        stable_hash=draw(UINT32, label="hash"),
        tick=draw(among(*TICKS[unit]), label="tick"),
        step=step,
        min_qty=typical * small if draw(st.booleans(), label="min qty") else 0.0,
        min_notional=typical * small * level * unit if draw(st.booleans(), label="min notional") else 0.0,
        shortable=margin and draw(st.integers(0, 2), label="not shortable at 2") < 2,
        can_flip=draw(st.booleans(), label="can flip"),
        taker_bps=draw(among(0.0, 10.0, 7.5, 50.0), label="taker bps"),
        discount=draw(among(0.0, 0.25), label="discount"),
        min_fee=draw(among(0.0, 0.0, 0.001, 0.02), label="min fee") * typical * level * unit * currency,
        fine=fine,
        actions=happens,
        **draw(auctions(timeline)),
        **draw(extra_fees()),
    )
    currency_rates = draw(rates(len(timeline.slots), currency))
    return Asset(rules, bars, currency_rates, typical, swing * unit / 4)


@st.composite
def auctions(draw: st.DrawFn, timeline: Timeline) -> dict[str, Any]:
    """Draw how long before its auctions a market takes no more orders for them, where it has any (rule 29)."""
    if not timeline.has_sessions:
        return {}
    return {
        "has_auctions": draw(st.integers(0, 9), label="no auctions at 9") < 9,
        "open_cutoff_ms": draw(among(120_000, 0, 3_600_000), label="open cutoff"),
        "close_cutoff_ms": draw(among(600_000, 0, 3_600_000, 7_200_000), label="close cutoff"),
    }


@st.composite
def price_walks(
    draw: st.DrawFn, timeline: Timeline, unit: float, level: int, swing: int, volume_unit: float
) -> tuple[Bar | None, ...]:
    """Draw an instrument's bars: gaps, flat bars, missing bars, bars that open late."""
    bars: list[Bar | None] = []
    last = level
    moves = packed((0, 11), (-4, 4), (-8, 8), (0, 8), (0, 10))
    for slot in timeline.slots:
        shape, gap, move, wicks, volume = draw(moves)
        if shape == MISSING:
            bars.append(None)
            continue
        opening = max(1, last + (gap * swing // 4 if shape % 2 else 0))
        last = opening if shape == FLAT else max(1, opening + move * swing // 4)
        up, down = (0, 0) if shape == FLAT else divmod(wicks, 3)
        high = max(opening, last) + up * swing // 2
        low = max(1, min(opening, last) - down * swing // 2)
        opens_at = slot.open_ts_ms + ((slot.close_ts_ms - slot.open_ts_ms) // 3 if shape == LATE else 0)
        ohlc = (opening * unit, high * unit, low * unit, last * unit)
        minute = timeline.minute_of_week(opens_at)
        bars.append(Bar(opens_at, slot.close_ts_ms, *ohlc, volume_unit * VOLUMES[volume] / 10, minute))
    return tuple(bars)


@st.composite
def finer_bars(draw: st.DrawFn, bars: tuple[Bar | None, ...], unit: float) -> tuple[Bar, ...]:
    """Draw up to four finer bars inside each bar, some missing, some reaching beyond their bar."""
    fine = []
    for bar in bars:
        if bar is None:
            continue
        present, shift = draw(packed((0, 15), (-2, 2)))
        quarter = (bar.close_ts_ms - bar.open_ts_ms) // 4
        corners = [bar.open, bar.high, bar.low, (bar.low + bar.high) / 2, bar.close]
        for part in range(4):
            a, b = corners[part] + shift * unit / 2, corners[part + 1]
            if a <= 0 or not present & (1 << part):
                continue
            opens_at = bar.open_ts_ms + part * quarter
            high, low = max(a, b) + abs(shift) * unit, min(a, b)
            fine.append(Bar(opens_at, opens_at + quarter, a, high, low, b, 1.0, bar.minute_of_week))
    return tuple(fine)


@st.composite
def target_weights(draw: st.DrawFn, rows: int, count: int, margin: bool) -> list[tuple[float | None, ...]]:
    """Draw what the strategy wants: to hold, flip, scale, rotate between instruments, or anything at all."""
    style = draw(among("flip", "hold", "scale", "rotate", "free", "flip"), label="style")
    size = draw(among(*((10, 20, 5, 45, 2) if margin else (10, 12, 5, 9, 2))), label="size in tenths")
    period = draw(st.integers(1, 6), label="period")
    silence = draw(among(0, 0, 2, 3), label="every n-th target is none")
    free = st.tuples(*[st.integers(-size, size + 3)] * count)
    table = []
    for k in range(rows):
        drawn = draw(free) if style == "free" else (0,) * count
        weights = [_weight(style, size, period, k, i, count, drawn[i]) for i in range(count)]
        if not margin and style != "free":
            weights = [w if w is None else max(w, 0.0) for w in weights]
        quiet = silence > 0 and k % silence == silence - 1
        table.append(tuple(None if quiet else w for w in weights))
    return table


def _weight(style: str, size: int, period: int, k: int, i: int, count: int, drawn: int) -> float | None:
    phase = k // period
    if style == "hold":
        return size / 10 / count if k >= i else None
    if style == "flip":
        return (size if (phase + i) % 2 == 0 else -size) / 10 / count
    if style == "scale":
        return size * ((phase + i) % 4) / 30 / count
    if style == "rotate":
        return size / 10 if phase % count == i and (count > 1 or phase % 2 == 0) else 0.0
    return None if drawn > size else drawn / 10 / count


@st.composite
def accounts(draw: st.DrawFn, margin: bool, lives: Sequence[TimeInForce]) -> dict[str, Any]:
    """Draw the account's and the sizing's parameters (rules 6, 7, 21)."""
    return {
        "seed": draw(UINT32, label="seed"),
        "stream": draw(UINT32, label="stream"),
        "initial_margin": draw(among(1.0, 0.5, 0.25), label="initial_margin") if margin else 1.0,
        "allocation": draw(among(1.0, 1.0, 1.0, 0.9, 0.3), label="allocation"),
        "reserve_rate": draw(among(0.0, 0.0, 0.01, 0.1), label="reserve_rate"),
        "every_bar": draw(st.booleans(), label="every_bar"),
        "time_in_force": draw(among(*lives), label="time_in_force"),
        "limit_touch": draw(st.booleans(), label="limit touch"),
    }


def seasonalities() -> st.SearchStrategy[Seasonality]:
    """Draw hour-of-week multipliers."""
    return st.builds(Seasonality, depth=among(0, 0, 0, 20, 45), stride=st.integers(1, 4))


@st.composite
def costs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw spread, impact and participation (rules 11, 12); impact needs participation."""
    participation = draw(among(0.0, 0.1, 0.1, 0.5, 1.0), label="max_participation")
    return {
        "half_spread_bps": draw(among(0.0, 1.0, 25.0, 2000.0), label="half_spread_bps"),
        "spread_seasonality": draw(seasonalities()),
        "max_participation": participation,
        "impact_coefficient": draw(among(0.0, 0.7, 0.7, 10.0)) if participation > 0 else 0.0,
        "impact_exponent": draw(among(0.5, 0.5, 0.6, 0.25, 1.0), label="impact_exponent"),
        "impact_half_life_bars": draw(among(5.0, 0.5, 40.0), label="impact_half_life_bars"),
        "vol_short_bars": draw(st.integers(2, 5), label="vol_short_bars"),
        "vol_long_bars": draw(among(6, 20, 60), label="vol_long_bars"),
    }


@st.composite
def latencies(draw: st.DrawFn, bar_ms: int) -> dict[str, Any]:
    """Draw latencies from 0 to several bars, and timeouts near the response time (rule 13)."""
    response = draw(among(0.0, 50.0, bar_ms / 3, float(bar_ms), bar_ms * 1.5), label="response_ms")
    around = [0, 0, 0, int(response) + 15, int(response * 1.1) + 1, int(response * 0.7) + 1]
    return {
        "entry_ms": draw(among(0.0, 250.0, 250.0, bar_ms / 2, float(bar_ms), bar_ms * 2.5), label="entry_ms"),
        "response_ms": response,
        "jitter_ms": draw(among(0.0, 0.0, 20.0, bar_ms / 10, bar_ms / 3), label="jitter_ms"),
        "jitter_sigma": draw(among(0.5, 1.0), label="jitter_sigma"),
        "spike_probability": draw(among(0.0, 0.001, 0.3), label="spike_probability"),
        "spike_multiplier": draw(among(1.0, 3.0, 10.0), label="spike_multiplier"),
        "timeout_ms": draw(among(*around), label="timeout_ms"),
        "retries": draw(st.integers(0, 3), label="retries"),
        "latency_seasonality": draw(seasonalities()),
    }


@st.composite
def limits(draw: st.DrawFn, cash: float) -> dict[str, Any]:
    """Draw risk limits, all of them off or most of them (rule 17)."""
    if not draw(st.booleans(), label="limits"):
        return {}

    def limit(name: str, *values: float) -> float:
        return draw(among(*[0.0] * 3 * len(values), *values), label=name)

    return {
        "kill_switch": draw(st.integers(0, 24), label="kill switch at 24") == 24,
        "max_order_weight": limit("max_order_weight", 0.003, 0.05, 0.4),
        "max_position_weight": limit("max_position_weight", 0.1, 0.8),
        "max_gross_weight": draw(among(0.0, 0.0, 0.2, 0.9), label="max_gross_weight"),
        "max_daily_loss": draw(among(0.0, 0.0, 0.002, 0.02), label="max_daily_loss"),
        "max_drawdown": limit("max_drawdown", 0.01, 0.2),
        "max_order_notional": limit("max_order_notional", 0.05, 0.4) * cash,
        "max_position_notional": limit("max_position_notional", 0.1, 0.8) * cash,
        "max_daily_loss_notional": limit("max_daily_loss_notional", 0.002, 0.02) * cash,
        "max_orders_per_minute": draw(among(0.0, 0.0, 3.0, 1.5, 6.0), label="max_orders_per_minute"),
        "close_order_reserve": draw(among(0.0, 0.0, 1.0, 2.0), label="close_order_reserve"),
    }


@st.composite
def squeezes(draw: st.DrawFn, bar_ms: int) -> dict[str, Any]:
    """Draw, now and then, an account with nothing to spare and a slow wire: the venue's own check decides (rule 7)."""
    if draw(st.integers(0, 3), label="squeezed at 3") < 3:
        return {}
    sizes_off = dict.fromkeys(
        ["max_order_weight", "max_position_weight", "max_gross_weight", "max_order_notional", "max_position_notional"],
        0.0,
    )
    entry_ms = draw(among(1.0, 0.6, 2.0), label="entry latency in bars") * bar_ms
    return {**sizes_off, "reserve_rate": 0.0, "allocation": 1.0, "entry_ms": entry_ms, "kill_switch": False}
