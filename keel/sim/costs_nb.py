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
def update_true_range_nb(run, slot, bar):
    """Fold the bar's true range into its average (Wilder, New Concepts in Technical Trading Systems, 1978).

    Call it before the mark moves. The first `atr_bars` ranges are averaged alike.
    """
    high, low = bar.high, bar.low
    if slot.bar_count > 1:
        high = high if high > slot.mark else slot.mark
        low = low if low < slot.mark else slot.mark
    n = slot.bar_count if slot.bar_count < run.atr_bars else run.atr_bars
    slot.atr = (slot.atr * (n - 1) + (high - low)) / n


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
def _memory_nb(side):
    return 0 if side > 0 else 1


@compiled
def follow_metaorder_nb(run, slot, side, volume):
    """Bring the memory of own fills on one side up to the bar that is being traded, of this volume."""
    memory = _memory_nb(side)
    if slot.meta_bar[memory] != slot.bar_count:
        keep = math.exp(-(run.impact_decay * (slot.bar_count - slot.meta_bar[memory])))
        slot.meta_qty[memory] = slot.meta_qty[memory] * keep
        slot.meta_volume[memory] = slot.meta_volume[memory] * keep + volume
        slot.meta_bar[memory] = slot.bar_count


@compiled
def remember_fill_nb(slot, side, qty):
    """Add a fill to its side's metaorder."""
    slot.meta_qty[_memory_nb(side)] += qty


@compiled
def impact_nb(run, slot, side, qty, reference):
    """Return what `qty` more of this side's metaorder costs in impact, quote currency per unit.

    The square-root law (Almgren et al., Direct Estimation of Equity Market Impact, 2005; Toth et al., Phys. Rev. X 1,
    2011) gives the total for the metaorder; a fill pays what the total grows by, so slicing is neutral inside a bar.
    """
    if run.impact_coefficient <= 0.0:
        return 0.0
    known, volume = slot.meta_qty[_memory_nb(side)], slot.meta_volume[_memory_nb(side)]
    grown = _law_nb(known + qty, volume, run.impact_exponent) - _law_nb(known, volume, run.impact_exponent)
    bps = run.impact_coefficient * (math.sqrt(slot.var_short) * BPS) * (grown / qty)
    bps = bps if bps > 0.0 else 0.0
    bps = bps if bps < _MOST_IMPACT_BPS else _MOST_IMPACT_BPS
    return bps / BPS * reference
