"""What is allowed (docs/execution.md, rule 17): latches at each close, then a verdict on every order."""

from __future__ import annotations

from keel.domain.compile_nb import compiled
from keel.domain.grid_nb import grid_floor_nb
from keel.domain.layout import LOCAL
from keel.domain.orders import OrderType, Reason, TimeInForce, TradingState
from keel.portfolio.books_nb import margin_rate_nb

_MS_PER_MINUTE = 60000


@compiled
def update_latches_nb(run, day, ts_ms, first):
    """Start a new day where one begins, then latch REDUCING on the daily loss and HALTED on the drawdown."""
    equity = run.equity[LOCAL]
    if first:
        run.day = day
    elif day != run.day:
        run.day = day
        run.day_start_equity = run.last_local_equity
        if run.trading_state == TradingState.REDUCING:
            run.trading_state = TradingState.ACTIVE
    if equity > run.peak_equity:
        run.peak_equity = equity
    if run.max_daily_loss > 0.0 and run.day_start_equity > 0.0 and run.trading_state == TradingState.ACTIVE:
        if equity <= run.day_start_equity * (1.0 - run.max_daily_loss):
            run.trading_state = TradingState.REDUCING
    if run.max_daily_loss_notional > 0.0 and run.trading_state == TradingState.ACTIVE:
        if equity <= run.day_start_equity - run.max_daily_loss_notional:
            run.trading_state = TradingState.REDUCING
    if run.max_drawdown > 0.0 and run.peak_equity > 0.0 and run.trading_state != TradingState.HALTED:
        if equity <= run.peak_equity * (1.0 - run.max_drawdown):
            run.trading_state = TradingState.HALTED
            run.halted_ts_ms = ts_ms
    run.last_local_equity = equity


@compiled
def free_funds_nb(run):
    """Return what new orders may still reserve by the local book, quote currency (rule 7)."""
    if not run.margin_account:
        return run.cash[LOCAL] - run.reserved
    return run.equity[LOCAL] - run.initial_margin * run.held_gross - run.reserved


@compiled
def cost_rate_nb(slot, side):
    """Return the fee that an order is taken to pay, as taker or as maker: none where it is kept from what is bought."""
    if side > 0 and slot.fee_in_base:
        return 0.0
    return slot.fee_rate if slot.fee_rate > slot.maker_rate else slot.maker_rate


@compiled
def basis_nb(slot, order):
    """Return what the order is taken to cost, account currency per unit: its limit, else its trigger, else the mark."""
    if order.limit_price > 0.0:
        return order.limit_price * slot.rate
    trigger = trigger_price_nb(order)
    return trigger * slot.rate if trigger > 0.0 else slot.value


@compiled
def trigger_price_nb(order):
    """Return the order's trigger, a trailing stop's as it stands; 0 for none yet."""
    if order.type != OrderType.TRAILING_STOP:
        return order.trigger_price
    return trailing_trigger_nb(order, order.best_price) if order.best_price > 0.0 else 0.0


@compiled
def trailing_trigger_nb(order, best):
    """Return a trailing stop's trigger below (a sell's) or above (a buy's) the best price so far."""
    distance = order.trail if order.trail > 0.0 else best * order.trail_rate
    return best + order.side * distance


@compiled
def reserve_per_unit_nb(run, slot, order):
    """Return what the order's opening part holds back, account currency per unit (rule 7)."""
    slack = 0.0 if order.limit_price > 0.0 else run.reserve_rate
    return basis_nb(slot, order) * (1.0 + slack) * (margin_rate_nb(run) + cost_rate_nb(slot, order.side))


@compiled
def check_order_nb(run, slot, order, clip, ts_ms):
    """Return (qty, opening_qty, reason): what of the slot's order may go out now; qty 0 is a denial for that reason.

    `order` is the draft: type, prices and `reserve_per_unit` are set. A quantity above 0 with a reason other than NONE
    was clipped by that limit, or before (`clip`). Order of the rules: kill switch, halt, auctions that are not
    held, rate, then size limits, which never touch the closing part.
    """
    if run.kill_switch:
        return 0.0, 0.0, Reason.KILL_SWITCH
    if run.trading_state == TradingState.HALTED:
        return 0.0, 0.0, Reason.HALTED
    if order.time_in_force >= TimeInForce.AT_OPEN and not slot.has_auctions:
        return 0.0, 0.0, Reason.NO_AUCTION
    closing, opening = slot.closing, slot.opening
    if run.trading_state == TradingState.REDUCING and opening > 0.0:
        if closing == 0.0:
            return 0.0, 0.0, Reason.REDUCING
        opening, clip = 0.0, Reason.REDUCING
    if not _rate_allows_nb(run, opening, ts_ms):
        if run.trading_state == TradingState.ACTIVE:
            run.trading_state = TradingState.REDUCING
        return 0.0, 0.0, Reason.ORDER_RATE
    opening, clip = _clip_to_limits_nb(run, slot, opening, clip)
    opening, clip = _clip_to_funds_nb(run, slot, order, opening, clip)
    qty = grid_floor_nb(closing + opening, slot.step_mantissa, slot.step_scale)
    too_small = _too_small_nb(slot, order, qty)
    if too_small != Reason.NONE:
        return 0.0, 0.0, clip if clip != Reason.NONE else too_small
    opened = qty - closing
    return qty, opened if opened > 0.0 else 0.0, clip


@compiled
def _rate_allows_nb(run, opening, ts_ms):
    if run.max_orders_per_minute <= 0.0:
        return True
    refilled = run.rate_tokens + (ts_ms - run.rate_ts_ms) * run.max_orders_per_minute / _MS_PER_MINUTE
    run.rate_tokens = refilled if refilled < run.max_orders_per_minute else run.max_orders_per_minute
    run.rate_ts_ms = ts_ms
    needed = 1.0 + run.close_order_reserve if opening > 0.0 else 1.0
    return run.rate_tokens >= needed


@compiled
def _clip_nb(opening, clip, cap, reason):
    if opening > 0.0 and cap < opening:
        return cap if cap > 0.0 else 0.0, reason
    return opening, clip


@compiled
def _clip_to_limits_nb(run, slot, opening, clip):
    capital = run.equity[LOCAL]
    capital = (capital if capital > 0.0 else 0.0) * run.allocation
    if run.max_order_weight > 0.0:
        opening, clip = _clip_nb(opening, clip, run.max_order_weight * capital / slot.value, Reason.MAX_ORDER)
    if run.max_order_notional > 0.0:
        opening, clip = _clip_nb(opening, clip, run.max_order_notional / slot.value, Reason.MAX_ORDER)
    held = slot.side * (slot.qty[LOCAL] + slot.live_qty)
    held = held if held > 0.0 else 0.0
    if run.max_position_weight > 0.0:
        cap = run.max_position_weight * capital / slot.value - held
        opening, clip = _clip_nb(opening, clip, cap, Reason.MAX_POSITION)
    if run.max_position_notional > 0.0:
        opening, clip = _clip_nb(opening, clip, run.max_position_notional / slot.value - held, Reason.MAX_POSITION)
    if run.max_gross_weight > 0.0:
        cap = (run.max_gross_weight * capital - run.projected_gross + slot.closing * slot.value) / slot.value
        opening, clip = _clip_nb(opening, clip, cap, Reason.MAX_GROSS)
    return opening, clip


@compiled
def _clip_to_funds_nb(run, slot, order, opening, clip):
    if opening <= 0.0:
        return opening, clip
    free = free_funds_nb(run)
    if run.margin_account:
        free = free + run.initial_margin * slot.closing * slot.value
    return _clip_nb(opening, clip, (free - slot.min_fee) / order.reserve_per_unit, Reason.BUYING_POWER)


@compiled
def _too_small_nb(slot, order, qty):
    if qty <= 0.0 or qty < slot.min_qty:
        return Reason.MIN_QTY
    price = order.limit_price if order.limit_price > 0.0 else trigger_price_nb(order)
    if qty * (price if price > 0.0 else slot.mark) < slot.min_notional:
        return Reason.MIN_NOTIONAL
    return Reason.NONE
