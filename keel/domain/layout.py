"""The arrays that cross into compiled code, declared once.

State is three structured arrays: `RUN` (one record a run: parameters, both books' cash, latches), `SLOT` (one a run
and instrument: venue rules, both books' positions, volatility) and `ORDER` (live orders, in id order). Market data is
`BAR` (64 bytes: one cache line a bar), decisions are float64 weights and `REQUEST`s, what happens to holders is
`ACTION`, and what happened is written to `EVENT` (the tape, a ring) and `MARK` (one a row). Fields with a unit carry it
in the name; prices are quote currency per base unit.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from keel.domain.orders import MOST_FEE_TIERS

VENUE: Final = 0
"""Index of the venue book: the truth at match time."""
LOCAL: Final = 1
"""Index of the local book: what responses have told us so far."""
HOURS_PER_WEEK: Final = 168
TIER_DAYS: Final = 30
"""Days whose volume decides the fee tier."""
EXIT_NONE: Final = 0
EXIT_FRACTION: Final = 1
EXIT_TRUE_RANGE: Final = 2

BAR_PRESENT: Final = 1
"""Flag of a bar that exists; without it the record only carries the row's `close_ts_ms` and `day`."""
BAR_ENDS_DAY: Final = 2
"""Flag of the last bar of a trading day: DAY orders end at its close."""
BAR_EXTENDED: Final = 4
"""Flag of a row that lies outside of the regular session of a market that closes."""
BAR_CLOSES_SESSION: Final = 8
"""Flag of the row with whose close a regular session ends: its closing auction is held there."""
BAR_UNTIL_SHIFT: Final = 8
"""Where in the flags stands how many whole minutes from the row's close the session ends, or in a row that is
BAR_EXTENDED the next one begins; `MOST_UNTIL_MINUTES` for as many and more."""
MOST_UNTIL_MINUTES: Final = 127

BAR: Final = np.dtype(
    [
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("volume", "f8"),
        ("open_ts_ms", "i8"),
        ("close_ts_ms", "i8"),
        ("day", "i4"),
        ("minute_of_week", "i2"),
        ("flags", "i2"),
    ]
)

RUN: Final = np.dtype(
    [
        # what most bars read stands together, what few do at the end: a run's state is a dozen cache lines
        # randomness (rule 21)
        ("seed", "u4"),
        ("stream", "u4"),
        # account and sizing (rules 6, 7)
        ("every_bar", "i1"),
        ("margin_account", "i1"),
        ("time_in_force", "i1"),
        ("price_model", "i1"),
        ("limit_touch", "i1"),
        # legs of targets' orders (rule 24): an EXIT_ kind, and a fraction of the mark or a multiple of the true range
        ("stop_kind", "i1"),
        ("stop_trails", "i1"),
        ("take_kind", "i1"),
        ("needs_volatility", "i1"),
        # state
        ("status", "i1"),
        ("trading_state", "i1"),
        ("kill_switch", "i1"),
        ("day", "i4"),
        ("row", "i8"),
        ("first_row", "i8"),
        ("n_orders", "i8"),
        ("n_queued", "i8"),
        ("n_working", "i8"),
        ("next_order_id", "i8"),
        ("tape_head", "i8"),
        ("tape_tail", "i8"),
        ("tape_drained", "i8"),
        ("told_from", "i8"),
        ("cash", "f8", (2,)),
        ("equity", "f8", (2,)),
        ("last_local_equity", "f8"),
        ("day_start_equity", "f8"),
        ("peak_equity", "f8"),
        ("last_close_ts_ms", "i8"),
        ("venue_net", "f8"),
        ("venue_gross", "f8"),
        ("rate_ts_ms", "i8"),
        ("rate_tokens", "f8"),
        # scratch of one decision
        ("reserved", "f8"),
        ("projected_gross", "f8"),
        ("held_gross", "f8"),
        # account and sizing
        ("allocation", "f8"),
        ("initial_margin", "f8"),
        ("maintenance_margin", "f8"),
        ("reserve_rate", "f8"),
        ("atr_bars", "i8"),
        ("n_tiers", "i8"),
        # costs (rules 11, 12)
        ("half_spread_bps", "f8"),
        ("impact_coefficient", "f8"),
        ("impact_exponent", "f8"),
        ("impact_decay", "f8"),
        ("max_participation", "f8"),
        ("vol_short_alpha", "f8"),
        ("vol_long_alpha", "f8"),
        # latency (rule 13)
        ("entry_ms", "f8"),
        ("response_ms", "f8"),
        ("jitter_ms", "f8"),
        ("jitter_sigma", "f8"),
        ("spike_probability", "f8"),
        ("spike_multiplier", "f8"),
        ("timeout_ms", "i8"),
        ("retries", "i8"),
        # risk limits (rule 17); 0 = off
        ("max_order_weight", "f8"),
        ("max_order_notional", "f8"),
        ("max_position_weight", "f8"),
        ("max_position_notional", "f8"),
        ("max_gross_weight", "f8"),
        ("max_daily_loss", "f8"),
        ("max_daily_loss_notional", "f8"),
        ("max_drawdown", "f8"),
        ("max_orders_per_minute", "f8"),
        ("close_order_reserve", "f8"),
        # seldom read: exits, money (rules 15, 25, 26; rates are fractions, those of a tier with the discount in them)
        ("stop_distance", "f8"),
        ("take_distance", "f8"),
        ("has_linked", "i1"),
        ("timeouts", "i8"),
        ("halted_ts_ms", "i8"),
        ("liquidation_fee_rate", "f8"),
        ("interest_rate", "f8"),
        ("volume_today", "f8"),
        ("volume_by_day", "f8", (TIER_DAYS,)),
        ("tier_volume", "f8", (MOST_FEE_TIERS,)),
        ("tier_taker_rate", "f8", (MOST_FEE_TIERS,)),
        ("tier_maker_rate", "f8", (MOST_FEE_TIERS,)),
        ("spread_by_hour", "f8", (HOURS_PER_WEEK,)),
        ("latency_by_hour", "f8", (HOURS_PER_WEEK,)),
    ],
    align=True,
)


def offset_in_run(name: str) -> int:
    """Return the bytes before a field of RUN."""
    return 0 if RUN.fields is None else RUN.fields[name][1]


SLOT: Final = np.dtype(
    [
        # venue rules (rules 8, 15, 19); mantissa 0 = no grid
        ("hash", "u4"),
        ("shortable", "i1"),
        ("can_flip", "i1"),
        ("tick_mantissa", "f8"),
        ("tick_scale", "f8"),
        ("step_mantissa", "f8"),
        ("step_scale", "f8"),
        ("min_qty", "f8"),
        ("min_notional", "f8"),
        ("fee_in_base", "i1"),
        ("fee_rate", "f8"),
        ("maker_rate", "f8"),
        ("min_fee", "f8"),
        ("sell_fee_rate", "f8"),
        ("sell_fee_per_unit", "f8"),
        ("sell_fee_per_unit_max", "f8"),
        ("borrow_rate", "f8"),
        # auctions (rule 29): whether there are any, and how long before them no order is taken any more
        ("has_auctions", "i1"),
        ("open_cutoff_ms", "i8"),
        ("close_cutoff_ms", "i8"),
        ("fine_start", "i8"),
        ("fine_end", "i8"),
        ("action_start", "i8"),
        ("action_end", "i8"),
        # books
        ("qty", "f8", (2,)),
        ("avg_price", "f8", (2,)),
        # market
        ("mark", "f8"),
        ("rate", "f8"),
        ("value", "f8"),
        ("atr", "f8"),
        ("bar_row", "i8"),
        ("bar_count", "i8"),
        # the day of its newest regular session, counted from 1, and whether its bar of the row is the first of that
        ("session_day", "i4"),
        ("opens_session", "i1"),
        ("var_short", "f8"),
        ("var_long", "f8"),
        # matching
        ("bar_filled", "f8"),
        ("match_ts_ms", "i8"),
        ("next_corporate", "i8"),
        ("next_funding", "i8"),
        ("meta_qty", "f8", (2,)),
        ("meta_volume", "f8", (2,)),
        ("meta_bar", "i8", (2,)),
        # target
        ("last_weight", "f8"),
        ("target_qty", "f8"),
        ("pursue", "i1"),
        # the instrument's live orders in id order: where the first and the last stand, counted from 1; 0 is none
        ("first_order", "i8"),
        ("last_order", "i8"),
        # scratch of one decision
        ("cancelling", "i1"),
        ("n_live", "i4"),
        ("n_sent", "i4"),
        ("live_qty", "f8"),
        ("side", "f8"),
        ("want", "f8"),
        ("closing", "f8"),
        ("opening", "f8"),
        ("wait", "i1"),
        ("opens", "i1"),
    ],
    align=True,
)

ORDER: Final = np.dtype(
    [
        ("id", "i8"),
        ("instrument", "i4"),
        ("seq", "i4"),
        ("side", "i1"),
        ("type", "i1"),
        ("time_in_force", "i1"),
        ("status", "i1"),
        ("local_final", "i1"),
        ("cancel_requested", "i1"),
        ("cancel_reason", "i1"),
        ("next_kind", "i1"),
        ("look_row", "i8"),
        ("n_events", "i8"),
        ("birth_ts_ms", "i8"),
        ("submit_ts_ms", "i8"),
        ("arrival_ts_ms", "i8"),
        ("cancel_ts_ms", "i8"),
        ("last_response_ts_ms", "i8"),
        ("next_ts_ms", "i8"),
        ("queue", "i8"),
        ("next_order", "i8"),
        ("qty", "f8"),
        ("opening_qty", "f8"),
        ("filled_qty", "f8"),
        ("local_filled_qty", "f8"),
        ("reserve_per_unit", "f8"),
        ("rated_fee", "f8"),
        ("paid_fee", "f8"),
        # scratch of one match
        ("match_qty", "f8"),
        ("match_price", "f8"),
        ("match_reference", "f8"),
        ("match_half_spread", "f8"),
        ("match_impact", "f8"),
        ("match_fee", "f8"),
        ("match_fee_qty", "f8"),
        ("match_maker", "i1"),
        ("starved", "i1"),
        # what the order types add (rule 10); a price of 0 is none
        ("limit_price", "f8"),
        ("trigger_price", "f8"),
        ("trail", "f8"),
        ("trail_rate", "f8"),
        ("best_price", "f8"),
        ("triggered", "i1"),
        ("expire_ts_ms", "i8"),
        ("active_ts_ms", "i8"),
        ("look_ts_ms", "i8"),
        ("looks_at_path", "i1"),
        ("reach_ts_ms", "i8"),
        ("reach_price", "f8"),
        ("regulated_fee", "f8"),
        ("unit_fee", "f8"),
        # who it belongs to (rules 23, 24); -1 is nobody
        ("tag", "i8"),
        ("parent_id", "i8"),
        ("pair", "i8"),
        ("reduce_only", "i1"),
        ("extended_hours", "i1"),
        ("covers", "i1"),
        ("n_legs", "i1"),
        # an amend on its way; 0 leaves a value as it is
        ("amend_requested", "i1"),
        ("n_amends", "i8"),
        ("amend_ts_ms", "i8"),
        ("amend_qty", "f8"),
        ("amend_limit_price", "f8"),
        ("amend_trigger_price", "f8"),
    ],
    align=True,
)

REQUEST: Final = np.dtype(
    [
        ("kind", "i1"),
        ("side", "i1"),
        ("type", "i1"),
        ("time_in_force", "i1"),
        ("reduce_only", "i1"),
        ("instrument", "i4"),
        ("tag", "i8"),
        ("pair", "i8"),
        ("qty", "f8"),
        ("limit_price", "f8"),
        ("trigger_price", "f8"),
        ("trail", "f8"),
        ("trail_rate", "f8"),
        ("expire_ts_ms", "i8"),
        ("stop_loss", "f8"),
        ("stop_trail", "f8"),
        ("stop_trail_rate", "f8"),
        ("take_profit", "f8"),
    ],
    align=True,
)
"""What an event-driven strategy asks for at a decision (rule 23); a price, distance or quantity of 0 is none.

`tag` is the strategy's own number for the order of `instrument` that is placed, cancelled or amended; the legs of a new
order have tag + 1 (stop-loss) and tag + 2 (take-profit). Partners carry the same `pair`, at most -2; -1 is none. The
legs are a stop at `stop_loss`, or one that trails by `stop_trail` or by the fraction `stop_trail_rate`, and a limit
order at `take_profit`.
"""

EVENT: Final = np.dtype(
    [
        ("kind", "i1"),
        ("reason", "i1"),
        ("side", "i1"),
        ("type", "i1"),
        ("maker", "i1"),
        ("final", "i1"),
        ("instrument", "i4"),
        ("known_row", "i4"),
        ("order_id", "i8"),
        ("row", "i8"),
        ("ts_ms", "i8"),
        ("response_ts_ms", "i8"),
        ("qty", "f8"),
        ("price", "f8"),
        ("reference_price", "f8"),
        ("fee", "f8"),
        ("spread_cost", "f8"),
        ("impact_cost", "f8"),
        ("rounding_cost", "f8"),
        ("cash", "f8"),
        ("fee_qty", "f8"),
        ("rate", "f8"),
    ],
    align=True,
)
"""What happened. `qty` is base units, prices are quote currency per unit, all else (fee and costs) account currency.

`instrument` and `order_id` are -1 where there is none. `known_row` is the row at whose close a strategy hears of it, -1
while the response is on its way. `rate` is account currency per unit of quote currency. `cash` is
what the event added to the account's cash. `fee_qty` is the part of a buy kept as fee in base units (`fee` is its
value). `final` marks the fill that completes its order, `maker` a fill of a resting order. Of an account event `qty` is
the position it is about (of a split: the position after it), `price` the price it was reckoned at.
"""

MARK: Final = np.dtype(
    [("ts_ms", "i8"), ("equity", "f8"), ("local_equity", "f8"), ("cash", "f8"), ("gross", "f8"), ("net", "f8")]
)

ACTION: Final = np.dtype([("ts_ms", "i8"), ("value", "f8"), ("instrument", "i4"), ("kind", "i1")], align=True)
"""Splits, dividends and funding, sorted by (instrument, ts_ms, kind); `kind` is an `ActionKind`.

A split or dividend is applied at the open of the instrument's first bar that opens at or after `ts_ms`; funding is
paid at `ts_ms`.
"""
