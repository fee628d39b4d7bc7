"""A split told from outside, between two rows: one instrument of a live room is in new units from now on (rule 25).

In a backtest the kernel splits at the open of a bar. Live, the account tells what is held after it; everything else
here is the kernel's, in the same terms.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.orders import EventKind, OrderStatus

_ROUNDING: Final = Decimal("1e-9")
"""What floats leave behind of a step."""
_LARGER: Final = ("filled_qty", "local_filled_qty", "opening_qty")
_SMALLER: Final = ("trail", "best_price", "reserve_per_unit")


def split_instrument(
    slot: np.void, orders: NDArray[np.void], heard: Iterable[np.void], instrument: int, ratio: float
) -> None:
    """Turn one unit into `ratio` new ones in both books, in orders, ORDER (n,), and in EVENT records not applied yet.

    Quantities held are exact: what of a unit is paid out is told by whoever pays it.
    """
    for name in ("mark", "atr", "value"):
        slot[name] /= ratio
    for name in ("target_qty", "meta_qty", "meta_volume", "qty"):
        slot[name] *= ratio
    slot["avg_price"] /= ratio
    for place in np.flatnonzero((orders["instrument"] == instrument) & (orders["status"] < OrderStatus.FILLED)):
        _split_order(orders[place], slot, ratio)
    for event in heard:
        if event["instrument"] == instrument:
            _split_event(event, ratio)


def on_grid(value: float, slot: np.void, which: str, *, up: bool) -> float:
    """Return a price or quantity on the slot's grid, `tick` or `step`; 0 stays 0, what would come to 0 is one step."""
    scale = float(slot[f"{which}_scale"])
    if value <= 0.0 or scale <= 0.0 or not slot[f"{which}_mantissa"]:
        return value
    step = Decimal(repr(float(slot[f"{which}_mantissa"]))) / Decimal(repr(scale))
    steps = Decimal(repr(value)) / step
    rounding = -_ROUNDING if up else _ROUNDING
    found = (steps + rounding).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * step
    return float(found) if found > 0 else float(step)


def _split_order(order: np.void, slot: np.void, ratio: float) -> None:
    left = float(order["qty"] - order["filled_qty"]) * ratio
    for name in _LARGER:
        order[name] *= ratio
    order["qty"] = float(order["filled_qty"]) + on_grid(left, slot, "step", up=False)
    buys = order["side"] > 0
    for prefix in ("", "amend_"):
        order[f"{prefix}limit_price"] = on_grid(float(order[f"{prefix}limit_price"]) / ratio, slot, "tick", up=not buys)
        trigger = float(order[f"{prefix}trigger_price"]) / ratio
        order[f"{prefix}trigger_price"] = on_grid(trigger, slot, "tick", up=bool(buys))
    order["amend_qty"] = on_grid(float(order["amend_qty"]) * ratio, slot, "step", up=False)
    for name in _SMALLER:
        order[name] /= ratio


def _split_event(event: np.void, ratio: float) -> None:
    event["qty"] *= ratio
    event["fee_qty"] *= ratio
    if EventKind(int(event["kind"])) < EventKind.FUNDING:
        event["price"] /= ratio
        event["reference_price"] /= ratio
