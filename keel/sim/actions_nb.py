"""What happens to holders and borrowers, at its time in a row (docs/execution.md, rule 25)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, compiled_apart, spliced
from keel.domain.grid_nb import grid_ceil_nb, grid_floor_nb
from keel.domain.layout import BAR_PRESENT, VENUE
from keel.domain.orders import ActionKind, EventKind, OrderStatus, Reason
from keel.portfolio.holders_nb import receive_nb, split_position_nb
from keel.sim.endings_nb import end_held_legs_nb
from keel.sim.fees_nb import start_tier_day_nb
from keel.sim.fills_nb import end_useless_nb
from keel.sim.intrabar_nb import fraction_nb, path_price_nb
from keel.sim.tape_nb import write_account_event_nb, write_order_event_nb

_DAYS_PER_YEAR = 365.0
_NEVER = 9223372036854775807
_NOBODY = -1


@compiled_apart
def start_day_nb(run, slots, tape, row, day):
    """Set the fee tier of a new day and charge what was borrowed over the end of the last one."""
    if run.n_tiers > 0:
        start_tier_day_nb(run, slots, day)
    days = day - run.day
    for i in range(len(slots)):
        slot = slots[i]
        qty = slot.qty[VENUE]
        if qty < 0.0 and slot.borrow_rate > 0.0:
            cost = abs(qty) * slot.value * slot.borrow_rate / _DAYS_PER_YEAR * days
            _pay_nb(run, tape, EventKind.BORROW, i, row, run.last_close_ts_ms, qty, slot.mark, slot.rate, -cost)
    if run.interest_rate > 0.0 and run.cash[VENUE] < 0.0:
        cost = -run.cash[VENUE] * run.interest_rate / _DAYS_PER_YEAR * days
        _pay_nb(run, tape, EventKind.INTEREST, _NOBODY, row, run.last_close_ts_ms, 0.0, 0.0, 1.0, -cost)


@compiled
def _pay_nb(run, tape, kind, instrument, row, ts_ms, qty, price, rate, cash):
    receive_nb(run, VENUE, cash)
    event = write_account_event_nb(run, tape, kind, instrument, row, ts_ms, qty)
    event.price = price
    event.rate = rate
    event.cash = cash


@compiled_apart
def apply_corporate_nb(bars, actions, run, slots, orders, tape, i, row):
    """Apply the instrument's splits and dividends that have come by the open of its bar."""
    slot, bar = slots[i], bars[row, i]
    while slot.next_corporate < slot.action_end:
        action = actions[slot.next_corporate]
        if action.kind != ActionKind.FUNDING and action.ts_ms > bar.open_ts_ms:
            return
        slot.next_corporate += 1
        if action.kind == ActionKind.DIVIDEND and slot.qty[VENUE] != 0.0:
            cash = slot.qty[VENUE] * action.value * slot.rate
            _pay_nb(
                run, tape, EventKind.DIVIDEND, i, row, bar.open_ts_ms, slot.qty[VENUE], action.value, slot.rate, cash
            )
        elif action.kind == ActionKind.SPLIT:
            _split_nb(bars, run, slots, orders, tape, i, row, action.value)
            end_useless_nb(bars, run, slots, orders, tape, i, _NOBODY, _NOBODY, row, bar.open_ts_ms)


@spliced
def _split_nb(bars, run, slots, orders, tape, i, row, ratio):
    slot, bar = slots[i], bars[row, i]
    _hurry_responses_nb(run, tape, i, bar.open_ts_ms)
    cash = split_position_nb(slot, VENUE, ratio) * bar.open * slot.rate
    slot.mark = slot.mark / ratio
    slot.atr = slot.atr / ratio
    slot.value = slot.mark * slot.rate
    slot.target_qty = slot.target_qty * ratio
    for memory in range(2):
        slot.meta_qty[memory] = slot.meta_qty[memory] * ratio
        slot.meta_volume[memory] = slot.meta_volume[memory] * ratio
    _pay_nb(run, tape, EventKind.SPLIT, i, row, bar.open_ts_ms, slot.qty[VENUE], bar.open, slot.rate, cash)
    tape[(run.tape_tail - 1) & (len(tape) - 1)].reference_price = ratio
    at = slot.first_order
    while at > 0:
        order = orders[at - 1]
        at = order.next_order
        if order.status < OrderStatus.FILLED:
            left = _split_order_nb(slot, order, ratio)
            _tell_split_nb(bars, run, slots, orders, tape, order, left, row, bar.open_ts_ms)


@spliced
def _hurry_responses_nb(run, tape, instrument, ts_ms):
    """Let all that is not yet known of the instrument be known: the statement of the night tells it."""
    for at in range(run.tape_head, run.tape_tail):
        event = tape[at & (len(tape) - 1)]
        if event.instrument == instrument and event.known_row < 0 and event.response_ts_ms > ts_ms:
            event.response_ts_ms = ts_ms


@spliced
def _split_order_nb(slot, order, ratio):
    left = grid_floor_nb((order.qty - order.filled_qty) * ratio, slot.step_mantissa, slot.step_scale)
    order.filled_qty = order.filled_qty * ratio
    order.opening_qty = order.opening_qty * ratio
    order.qty = order.filled_qty + left
    order.limit_price = limit_on_grid_nb(slot, order.side, order.limit_price / ratio)
    order.trigger_price = trigger_on_grid_nb(slot, order.side, order.trigger_price / ratio)
    order.trail = order.trail / ratio
    order.best_price = order.best_price / ratio
    order.reserve_per_unit = order.reserve_per_unit / ratio
    order.amend_qty = grid_floor_nb(order.amend_qty * ratio, slot.step_mantissa, slot.step_scale)
    order.amend_limit_price = limit_on_grid_nb(slot, order.side, order.amend_limit_price / ratio)
    order.amend_trigger_price = trigger_on_grid_nb(slot, order.side, order.amend_trigger_price / ratio)
    return left


@spliced
def _tell_split_nb(bars, run, slots, orders, tape, order, left, row, ts_ms):
    order.last_response_ts_ms = ts_ms
    if left > 0.0:
        event = write_order_event_nb(run, tape, order, EventKind.AMENDED, Reason.NONE, row, ts_ms, ts_ms, order.qty)
        event.price = order.limit_price
        event.reference_price = order.trigger_price
        return
    order.status = OrderStatus.CANCELED
    write_order_event_nb(run, tape, order, EventKind.CANCELED, Reason.MIN_QTY, row, ts_ms, ts_ms, 0.0)
    if order.n_legs > 0:
        end_held_legs_nb(bars, run, slots, orders, tape, order, row, ts_ms)


@compiled
def limit_on_grid_nb(slot, side, price):
    """Return a limit price on the tick, in our favour; 0 stays 0, what would come to 0 is one tick (rule 8)."""
    if price <= 0.0:
        return 0.0
    if side > 0:
        on_grid = grid_floor_nb(price, slot.tick_mantissa, slot.tick_scale)
    else:
        on_grid = grid_ceil_nb(price, slot.tick_mantissa, slot.tick_scale)
    return on_grid if on_grid > 0.0 else slot.tick_mantissa / slot.tick_scale


@compiled
def trigger_on_grid_nb(slot, side, price):
    """Return a trigger price on the tick, the later one; 0 stays 0, what would come to 0 is one tick (rule 8)."""
    return limit_on_grid_nb(slot, -side, price)


@compiled_apart
def next_funding_nb(actions, slots, close_ts_ms):
    """Return (time, instrument) of the next funding before the row's close, the lower instrument first."""
    when, whose = _NEVER, _NOBODY
    for i in range(len(slots)):
        slot = slots[i]
        while slot.next_funding < slot.action_end and actions[slot.next_funding].kind != ActionKind.FUNDING:
            slot.next_funding += 1
        if slot.next_funding < slot.action_end:
            ts_ms = actions[slot.next_funding].ts_ms
            if ts_ms < close_ts_ms and ts_ms < when:
                when, whose = ts_ms, i
    return when, whose


@compiled_apart
def fund_nb(bars, actions, run, slots, tape, i, row):
    """Pay the instrument's next funding on the position at the venue."""
    slot, bar = slots[i], bars[row, i]
    action = actions[slot.next_funding]
    slot.next_funding += 1
    qty = slot.qty[VENUE]
    if qty == 0.0:
        return
    price = slot.mark
    if bar.flags & BAR_PRESENT and bar.open_ts_ms <= action.ts_ms:
        price = path_price_nb(bar, fraction_nb(bar, action.ts_ms))
    cash = -(qty * price * slot.rate * action.value)
    _pay_nb(run, tape, EventKind.FUNDING, i, row, action.ts_ms, qty, price, slot.rate, cash)


@compiled_apart
def skip_actions_nb(actions, slots, close_ts_ms):
    """Leave out what happened before the first row's close: nothing was held."""
    for i in range(len(slots)):
        slot = slots[i]
        at = slot.action_start
        while at < slot.action_end and actions[at].ts_ms < close_ts_ms:
            at += 1
        slot.next_corporate = at
        slot.next_funding = at
