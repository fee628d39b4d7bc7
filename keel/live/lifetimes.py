"""Lifetimes that the venue does not keep: an order lives until we cancel it when its time is over (rule 3)."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

import numpy as np

from keel.domain.orders import OrderType, Reason, TimeInForce
from keel.domain.timeframe import MS_PER_DAY
from keel.live.orders import TrackedOrder
from keel.venues.base import Venue

_AGAIN_MS: Final = 2000


def end_of_life(order: np.void, symbol: str, venue: Venue) -> tuple[int | None, Reason]:
    """Return when we have to end an order, ORDER, and why; None where its venue does or nobody has to.

    A DAY order ends with the UTC day in which it was sent, which is where a market that never closes ends its days.
    """
    lifetime = TimeInForce(int(order["time_in_force"]))
    if venue.holds(symbol, OrderType(int(order["type"])), lifetime):
        return None, Reason.NONE
    if lifetime is TimeInForce.DAY:
        return (int(order["submit_ts_ms"]) // MS_PER_DAY + 1) * MS_PER_DAY, Reason.SESSION_END
    if lifetime is TimeInForce.GTD:
        return int(order["expire_ts_ms"]), Reason.GOOD_TILL_DATE
    return None, Reason.NONE


def is_due(order: TrackedOrder, now_ms: int, wall_ms: int, unwanted: Container[int]) -> bool:
    """Say whether an order has to be cancelled now: its time is over, and no cancel of it is on its way.

    `unwanted` are numbers of orders that are to be cancelled whatever their time.
    """
    is_over = order.ends_ms is not None and now_ms >= order.ends_ms
    if order.part or not (is_over or order.order_id in unwanted):
        return False
    return order.cancel_asked_ms is None or wall_ms - order.cancel_asked_ms >= _AGAIN_MS
