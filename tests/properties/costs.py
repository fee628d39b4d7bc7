"""What a fill costs: spread, impact, rounding, fees (rules 9, 11, 12 and 15)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from parity.case import Tier
from parity.reference_state import Event

from keel.domain.orders import EventKind, Reason

from .market import Market
from .played import ROUND_OFF, Played

MOST_SPREAD_BPS, MOST_IMPACT_BPS = 2500, 5000
DAYS_OF_VOLUME = 30


def _notional(e: Event) -> float:
    return e.qty * max(e.price, e.reference_price) * e.rate


def _tick(played: Played, e: Event) -> float:
    tick = played.case.instruments[e.instrument].tick
    return tick.mantissa / tick.scale


def a_price_is_its_reference_and_its_costs(played: Played) -> Iterator[str]:
    for e in played.fills:
        slippage = e.side * e.qty * (e.price - e.reference_price) * e.rate
        if not abs(slippage - e.spread_cost - e.impact_cost - e.rounding_cost) <= ROUND_OFF * _notional(e):
            yield f"fill of order {e.order_id}: costs do not add up to the slippage {slippage!r}"


def a_resting_fill_pays_no_spread_and_no_impact(played: Played) -> Iterator[str]:
    for e in played.fills:
        if e.maker and (e.spread_cost, e.impact_cost, e.rounding_cost) != (0, 0, 0):
            yield f"maker fill of order {e.order_id} pays {e.spread_cost!r}, {e.impact_cost!r}, {e.rounding_cost!r}"


def a_taker_pays_the_spread_of_the_hour(played: Played) -> Iterator[str]:
    market, case = Market(played.case), played.case
    for e in played.fills:
        hour = market.hour(e.row, e.instrument, e.ts_ms)
        factor = market.volatility_before(e.row, e.instrument).factor
        bps = min(case.half_spread_bps * case.spread_seasonality.at(hour) * factor, MOST_SPREAD_BPS)
        expected = 0.0 if played.is_auction_s(e) else e.qty * bps / 10_000 * e.reference_price * e.rate
        if not e.maker and not abs(e.spread_cost - expected) <= 1e-6 * expected:
            yield f"fill of order {e.order_id}: spread {e.spread_cost!r} instead of {expected!r}"


def a_taker_is_never_better_off_than_the_reference(played: Played) -> Iterator[str]:
    """A taker pays at least spread and impact, and the tick against it; a limit may cut impact and tick off."""
    for e in played.fills:
        away, tick = e.side * (e.price - e.reference_price), _tick(played, e)
        small = ROUND_OFF * max(e.price, e.reference_price)
        one_tick_at_least = e.side < 0 and e.reference_price < tick  # rule 12: a sale below a tick still gets one
        if away < -small and not one_tick_at_least:
            yield f"fill of order {e.order_id} at {e.price!r} beats its reference {e.reference_price!r}"
        unit = e.qty * e.rate
        costs = (e.spread_cost + e.impact_cost) / unit
        if away > costs + tick + small:
            yield f"fill of order {e.order_id} at {e.price!r} is more than a tick beyond its costs {costs!r}"
        at_limit = e.order_id >= 0 and played.stories[e.order_id].sent.price > 0
        if away < costs - small and not at_limit and e.price > tick:
            yield f"fill of order {e.order_id} at {e.price!r} pays less than its costs {costs!r}"


def no_cost_is_a_gain(played: Played) -> Iterator[str]:
    for e in played.fills:
        if e.spread_cost < 0 or e.impact_cost < 0 or e.fee < 0 or e.fee_qty < 0:
            yield f"fill of order {e.order_id} gains from a cost"


# Impact


@dataclass
class Metaorder:
    """Hold what the law is owed on one side of one instrument: faded own fills and volume, and what was paid."""

    qty: float = 0.0
    volume: float = 0.0
    bar: int = 0
    law: float = 0.0
    owed: float = 0.0
    paid: float = 0.0


def slices_pay_at_least_what_the_law_asks(played: Played) -> Iterator[str]:
    """Hold every sequence of fills against the square-root law of rule 11 on its metaorder.

    With Q and W the fills and the volume of the bars traded in, both faded by `keep` from bar to bar, the law's total
    is L = Q (Q / W)^δ. L scales with both and falls in W, so what a bar adds is at least L - keep × L of the bar
    before: summed up, slices never pay less than the law's total for what they are by now and for what has faded of it.
    Payments are in units of Y × σ, each fill with the σ of its bar.
    """
    case = played.case
    if case.impact_coefficient == 0:
        return
    market, memory, ratio = Market(case), defaultdict(Metaorder), defaultdict(lambda: 1.0)
    for e in played.events:
        if e.kind == EventKind.SPLIT:
            ratio[e.instrument] *= e.reference_price
        elif _touches_the_law(e):
            one = memory[e.instrument, e.side]
            _open_bar(played, market, one, e, ratio[e.instrument])
            if e.kind == EventKind.FILLED:
                yield from _charge(played, market, one, e, ratio[e.instrument])


def _touches_the_law(e: Event) -> bool:
    """Say whether a bar counts for the metaorder from here on: by a fill, or by a match that was called off."""
    fill = e.kind == EventKind.FILLED and not e.maker and e.order_id >= 0
    called_off = e.kind == EventKind.CANCELED and e.reason in (Reason.INSUFFICIENT_FUNDS, Reason.FILL_OR_KILL)
    return fill or called_off


def _open_bar(played: Played, market: Market, one: Metaorder, e: Event, ratio: float) -> None:
    bars, bar = market.bar_counts[e.row][e.instrument], played.case.rows[e.row].bars[e.instrument]
    if bars == one.bar or bar is None or not bar.volume > 0:
        return
    keep = 0.5 ** ((bars - one.bar) / played.case.impact_half_life_bars)
    one.owed += (1 - keep) * one.law
    one.qty, one.volume, one.bar = one.qty * keep, one.volume * keep + bar.volume / ratio, bars
    one.law = one.law * keep


def _charge(played: Played, market: Market, one: Metaorder, e: Event, ratio: float) -> Iterator[str]:
    """Add a fill; quantities are in units of before the first split."""
    case, sigma = played.case, math.sqrt(market.volatility_before(e.row, e.instrument).short)
    one.qty += e.qty / ratio
    one.law = one.qty * (one.qty / one.volume) ** case.impact_exponent
    bps = e.impact_cost / (e.qty * e.rate * e.reference_price) * 10_000
    unit = case.impact_coefficient * sigma * 10_000
    if bps >= MOST_IMPACT_BPS * (1 - 1e-9) or unit == 0:
        one.paid = math.inf  # the cap, or a market that never moved: nothing can be said from here on
        return
    one.paid += bps / unit * e.qty / ratio
    if one.paid < (one.owed + one.law) * (1 - 1e-6):
        yield f"order {e.order_id}: impact paid {one.paid!r}, the law asks {one.owed + one.law!r}"


# Fees


@dataclass
class Bill:
    """Hold what one order owes by now, and what it has paid."""

    rated: float = 0.0
    regulated: float = 0.0
    by_unit: float = 0.0
    paid: float = 0.0


def fees_are_what_tiers_minimums_and_regulators_ask(played: Played) -> Iterator[str]:
    bills: dict[int, Bill] = defaultdict(Bill)
    tiers = _tiers_by_row(played)
    for e in played.events:
        if e.kind == EventKind.FILLED:
            qty, fee = _expected_fee(played, e, bills[e.order_id] if e.order_id >= 0 else Bill(), tiers[e.row])
            scale = _notional(e) + abs(bills[e.order_id].paid if e.order_id >= 0 else 0.0)
            if not abs(e.fee - fee) <= ROUND_OFF * scale or not abs(e.fee_qty - qty) <= ROUND_OFF * e.qty:
                yield f"fill of order {e.order_id}: fee {e.fee!r} and {e.fee_qty!r} units instead of {fee!r}, {qty!r}"


def _expected_fee(played: Played, e: Event, bill: Bill, tier: Tier | None) -> tuple[float, float]:
    case, rules = played.case, played.case.instruments[e.instrument]
    fees, notional = tier or rules.first_tier, e.qty * e.price * e.rate
    if e.reason == Reason.LIQUIDATION:
        return 0.0, notional * (fees.taker_rate + case.liquidation_fee_rate)
    rate = fees.maker_rate if e.maker else fees.taker_rate
    if e.side > 0 and rules.fee_in_base:
        return e.qty * rate, notional * rate
    bill.rated += notional * rate
    due = max(bill.rated, rules.min_fee)
    if e.side < 0:
        bill.regulated += notional * rules.sell_fee_rate
        bill.by_unit += e.qty * rules.sell_fee_per_unit
        due += bill.regulated + min(bill.by_unit, rules.sell_fee_per_unit_max)
    fee, bill.paid = due - bill.paid, due
    return 0.0, fee


def _tiers_by_row(played: Played) -> list[Tier | None]:
    """Return the tier that holds in each row: by the volume of the 30 days before its day."""
    volume: dict[int, float] = defaultdict(float)
    rows, tiers = played.case.rows, played.case.tiers
    now, found = (tiers[0] if tiers else None), []
    for k, row in enumerate(rows):
        if k and row.day != rows[k - 1].day and tiers:
            past = sum(v for day, v in volume.items() if row.day - DAYS_OF_VOLUME <= day < row.day)
            now = max((t for t in tiers if t.volume <= past), key=lambda t: t.volume)
        found.append(now)
        for e in played.by_row[k]:
            if e.kind == EventKind.FILLED:
                volume[row.day] += e.qty * e.price * e.rate
    return found


CHECKS = (
    a_price_is_its_reference_and_its_costs,
    a_resting_fill_pays_no_spread_and_no_impact,
    a_taker_pays_the_spread_of_the_hour,
    a_taker_is_never_better_off_than_the_reference,
    no_cost_is_a_gain,
    slices_pay_at_least_what_the_law_asks,
    fees_are_what_tiers_minimums_and_regulators_ask,
)
