"""What trading costs beyond the fee: spread, impact and the volatility both follow (docs/execution.md, rule 11)."""

from __future__ import annotations

import math

from keel.domain.compile_nb import compiled

BPS = 10000.0
_MOST_SPREAD_BPS = 2500.0
_MOST_IMPACT_BPS = 5000.0
_LEAST_FACTOR = 0.5
_MOST_FACTOR = 3.0
_MS_PER_MINUTE = 60000
_MS_PER_HOUR = 3600000
_HOURS_PER_WEEK = 168


@compiled
def hour_of_week_nb(bar, ts_ms):
    """Return the hour of the week (0 = Monday 00:00, market zone) at `ts_ms`, read off a bar near it (rule 4)."""
    since_monday = bar.minute_of_week * _MS_PER_MINUTE + bar.open_ts_ms % _MS_PER_MINUTE
    return (since_monday + ts_ms - bar.open_ts_ms) // _MS_PER_HOUR % _HOURS_PER_WEEK


@compiled
def volatility_factor_nb(slot):
    """Return short over long volatility, clipped to [0.5, 3]; 1 while there is no volatility yet."""
    if slot.var_long <= 0.0:
        return 1.0
    factor = math.sqrt(slot.var_short / slot.var_long)
    if factor < _LEAST_FACTOR:
        return _LEAST_FACTOR
    return _MOST_FACTOR if factor > _MOST_FACTOR else factor


@compiled
def update_volatility_nb(run, slot, close):
    """Fold the return to `close` into both variances; call it before the mark moves."""
    change = close / slot.mark - 1.0
    square = change * change
    if slot.bar_count == 2:
        slot.var_short = square
        slot.var_long = square
    else:
        slot.var_short = slot.var_short + run.vol_short_alpha * (square - slot.var_short)
        slot.var_long = slot.var_long + run.vol_long_alpha * (square - slot.var_long)


@compiled
def half_spread_nb(run, slot, hour, reference):
    """Return half the spread in quote currency per unit."""
    bps = run.half_spread_bps * run.spread_by_hour[hour] * volatility_factor_nb(slot)
    bps = bps if bps < _MOST_SPREAD_BPS else _MOST_SPREAD_BPS
    return bps / BPS * reference


@compiled
def _law_nb(total, volume, exponent):
    if exponent == 0.5:
        return total * math.sqrt(total / volume)
    if total <= 0.0:
        return 0.0
    return total * math.exp(exponent * math.log(total / volume))


@compiled
def _follow_metaorder_nb(run, slot, side, volume):
    if side != slot.meta_side:
        slot.meta_qty = 0.0
        slot.meta_volume = volume
        slot.meta_side = side
    elif slot.meta_bar != slot.bar_count:
        keep = math.exp(-(run.impact_decay * (slot.bar_count - slot.meta_bar)))
        slot.meta_qty = slot.meta_qty * keep
        slot.meta_volume = slot.meta_volume * keep + volume
    slot.meta_bar = slot.bar_count


@compiled
def impact_nb(run, slot, side, qty, volume, reference):
    """Charge `qty` to the metaorder and return its impact in quote currency per unit.

    The square-root law (Almgren et al., Direct Estimation of Equity Market Impact, 2005; Toth et al., Phys. Rev. X 1,
    2011) gives the total for the metaorder; a fill pays what the total grew by, so slicing is neutral inside a bar.
    """
    if run.impact_coefficient <= 0.0:
        return 0.0
    _follow_metaorder_nb(run, slot, side, volume)
    before = _law_nb(slot.meta_qty, slot.meta_volume, run.impact_exponent)
    after = _law_nb(slot.meta_qty + qty, slot.meta_volume, run.impact_exponent)
    bps = run.impact_coefficient * (math.sqrt(slot.var_short) * BPS) * ((after - before) / qty)
    slot.meta_qty = slot.meta_qty + qty
    bps = bps if bps > 0.0 else 0.0
    bps = bps if bps < _MOST_IMPACT_BPS else _MOST_IMPACT_BPS
    return bps / BPS * reference
