"""What the run did to trade: exposure, turnover, costs, orders and refusals."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.orders import EventKind, Reason

COSTS: Final = {"fees": "fee", "spread": "spread_cost", "impact": "impact_cost", "rounding": "rounding_cost"}
"""Name of each cost, and the EVENT field that holds it in account currency."""

BPS: Final = 10_000.0


def exposure(gross: NDArray[np.float64], equity: NDArray[np.float64]) -> float:
    """Return the mean of gross position value / equity over marks with positive equity, a fraction; NaN without any."""
    positive = equity > 0.0
    return float(np.mean(gross[positive] / equity[positive])) if np.any(positive) else math.nan


def time_in_market(gross: NDArray[np.float64]) -> float:
    """Return the part of marks at which a position was held; NaN without marks."""
    return float(np.count_nonzero(gross) / len(gross)) if len(gross) else math.nan


def traded_notional(fills: NDArray[np.void]) -> float:
    """Return the sum of quantity × fill price, both sides counted, in account currency."""
    return float(np.sum(fills["qty"] * fills["price"]))


def turnover(notional: float, equity: NDArray[np.float64], years: float) -> float:
    """Return traded notional / mean equity / years: 2 means the account was bought and sold once a year."""
    mean = float(np.mean(equity)) if len(equity) else 0.0
    return notional / mean / years if mean > 0.0 and years > 0.0 else math.nan


def cost_summary(fills: NDArray[np.void]) -> dict[str, Any]:
    """Return what each cost took, `paid` in account currency and `bps` of traded notional, and their total.

    `bps` is NaN where nothing was traded.
    """
    notional = traded_notional(fills)
    paid = {name: float(np.sum(fills[field])) for name, field in COSTS.items()}
    paid["total"] = sum(paid.values())
    costs = {
        name: {"paid": value, "bps": value / notional * BPS if notional > 0.0 else math.nan}
        for name, value in paid.items()
    }
    return {"traded_notional": notional, **costs}


def order_counts(events: NDArray[np.void]) -> dict[str, int]:
    """Return how many events of each kind there were, by lower-case name, and `partial`.

    `filled` counts fills, not orders; `partial` counts orders whose first fill left a part of them open.
    """
    counts = np.bincount(events["kind"], minlength=len(EventKind))
    named = {kind.name.lower(): int(counts[kind]) for kind in EventKind}
    return {**named, "partial": _partly_filled(events)}


def reasons(events: NDArray[np.void], *kinds: EventKind) -> dict[str, int]:
    """Return how often each reason was given by events of these kinds, most frequent first, by lower-case name."""
    chosen = events["reason"][np.isin(events["kind"], kinds)]
    counts = np.bincount(chosen, minlength=len(Reason))
    ranked = sorted(Reason, key=lambda reason: (-counts[reason], reason))
    return {reason.name.lower(): int(counts[reason]) for reason in ranked if counts[reason]}


def _partly_filled(events: NDArray[np.void]) -> int:
    submitted = events[events["kind"] == EventKind.SUBMITTED]
    fills = events[events["kind"] == EventKind.FILLED]
    if len(submitted) == 0 or len(fills) == 0:
        return 0
    order_ids, first = np.unique(fills["order_id"], return_index=True)
    by_id = np.argsort(submitted["order_id"], kind="stable")
    known = submitted["order_id"][by_id]
    place = np.minimum(np.searchsorted(known, order_ids), len(known) - 1)
    wanted = np.where(known[place] == order_ids, submitted["qty"][by_id][place], 0.0)
    return int(np.count_nonzero(fills["qty"][first] < wanted * (1.0 - 1e-9)))
