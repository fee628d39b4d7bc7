"""What the venue and the regulators charge for a fill, and the tier that decides it (docs/execution.md, rule 15)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, compiled_apart
from keel.domain.layout import TIER_DAYS


@compiled
def charge_match_nb(slot, order):
    """Set `match_fee` (account currency) and `match_fee_qty` (base units) of the match in the order's scratch fields.

    An order's fees so far come to the rate or the minimum, whichever is more, and what regulators take of a sale.
    """
    rate = slot.maker_rate if order.match_maker else slot.fee_rate
    order.match_fee_qty = 0.0
    if slot.fee_in_base and order.side > 0:
        order.match_fee_qty = order.match_qty * rate
        order.match_fee = order.match_fee_qty * order.match_price * slot.rate
        return
    value = order.match_qty * order.match_price * slot.rate
    order.rated_fee = order.rated_fee + value * rate
    due = order.rated_fee if order.rated_fee > slot.min_fee else slot.min_fee
    if order.side < 0:
        order.regulated_fee = order.regulated_fee + value * slot.sell_fee_rate
        order.unit_fee = order.unit_fee + order.match_qty * slot.sell_fee_per_unit
        most = slot.sell_fee_per_unit_max
        due = due + (order.regulated_fee + (order.unit_fee if order.unit_fee < most else most))
    order.match_fee = due - order.paid_fee
    order.paid_fee = due


@compiled_apart
def start_tier_day_nb(run, slots, day):
    """Close the day's volume and give every instrument the rates of the tier that the last 30 days reach."""
    run.volume_by_day[run.day % TIER_DAYS] = run.volume_today
    run.volume_today = 0.0
    for missed in range(run.day + 1, min(day, run.day + 1 + TIER_DAYS)):
        run.volume_by_day[missed % TIER_DAYS] = 0.0
    volume = 0.0
    for past in range(day - TIER_DAYS, day):
        volume = volume + run.volume_by_day[past % TIER_DAYS]
    for tier in range(run.n_tiers):
        if run.tier_volume[tier] <= volume:
            for i in range(len(slots)):
                slots[i].fee_rate = run.tier_taker_rate[tier]
                slots[i].maker_rate = run.tier_maker_rate[tier]
