"""What a model sees of its account: the same few lines in the training environment and in live.

Every number is finite whatever it is made of, and about 1 where it matters: a whole weight, a profit or a drawdown of a
tenth of equity, a position held for a thousand bars.
"""

from __future__ import annotations

import math
from typing import Any

from keel.domain.compile_nb import compiled

MOST = 10.0
"""Largest number, either way."""
TENTHS = 10.0
"""Factor on profits and drawdowns, which are fractions."""
LOG_BARS = math.log(1000.0)
"""Divisor of ln(1 + bars held): 1 after 999 bars."""


@compiled
def bounded_nb(value: Any) -> Any:
    """Return a number at most 10 away from 0, and 0 for what is no number."""
    if math.isnan(value):
        return 0.0
    return min(max(value, -MOST), MOST)


@compiled
def write_instrument_nb(
    out: Any,
    start: Any,
    places: Any,
    equity: Any,
    qty: Any,
    average_price: Any,
    mark: Any,
    rate: Any,
    live_qty: Any,
    bars_held: Any,
) -> None:
    """Write the account features of one instrument into `out` from `start` on, each at its place; -1 leaves it out.

    In the order of `ObservationLayout.instrument_places`: the position as a fraction of equity; its open profit in
    tenths of equity; ln(1 + bars held) / ln 1000; what live orders would add to the position, as a fraction of equity.
    `qty` and `live_qty` are base units, signed; prices quote currency per unit; `rate` account currency per unit of
    quote currency; `equity` account currency. Without equity there is nothing to be a fraction of: zeros.
    """
    per_unit = rate / equity if equity > 0.0 else 0.0
    if places[0] >= 0:
        out[start + places[0]] = bounded_nb(qty * mark * per_unit)
    if places[1] >= 0:
        out[start + places[1]] = bounded_nb(TENTHS * qty * (mark - average_price) * per_unit)
    if places[2] >= 0:
        out[start + places[2]] = bounded_nb(math.log(1.0 + max(bars_held, 0)) / LOG_BARS)
    if places[3] >= 0:
        out[start + places[3]] = bounded_nb(live_qty * mark * per_unit)


@compiled
def write_portfolio_nb(out: Any, place: Any, equity: Any, peak_equity: Any) -> None:
    """Write the drawdown from the highest equity, in tenths of that, at `place`; -1 leaves it out."""
    if place >= 0:
        fall = 1.0 - equity / peak_equity if peak_equity > 0.0 else 0.0
        out[place] = bounded_nb(TENTHS * max(fall, 0.0))
