"""What the run did to trade: exposure, turnover, costs, orders and refusals."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.orders import EventKind, Reason

COSTS: Final = {"fees": "fee", "spread": "spread_cost", "impact": "impact_cost", "rounding": "rounding_cost"}
"""Name of each cost, and the EVENT field that holds it in account currency."""

CASHFLOWS: Final = {
    "funding": EventKind.FUNDING,
    "borrow": EventKind.BORROW,
    "interest": EventKind.INTEREST,
    "dividends": EventKind.DIVIDEND,
    "cash_in_lieu": EventKind.SPLIT,
}
"""Name of each flow of cash that no fill makes, and the event that holds it."""

BPS: Final = 10_000.0
_DUST: Final = 1e-4
"""Part of equity up to which a holding is dust: what fees kept in coins leave below a quantity step."""

_ORDER_KINDS: Final = [kind for kind in EventKind if kind < EventKind.FUNDING]
_REFUSALS: Final = {
    "denied": EventKind.DENIED,
    "rejected": EventKind.REJECTED,
    "canceled": EventKind.CANCELED,
    "expired": EventKind.EXPIRED,
    "amend_rejected": EventKind.AMEND_REJECTED,
}


def of_kind(events: NDArray[np.void], kind: EventKind) -> NDArray[np.void]:
    """Return the events of one kind, copied as bytes: numpy copies records with gaps field by field."""
    chosen: NDArray[np.void] = events.view(f"V{events.itemsize}")[events["kind"] == kind].view(events.dtype)
    return chosen


def time_in_market(gross: NDArray[np.float64], equity: NDArray[np.float64]) -> float:
    """Return the part of marks at which more was held than dust, 0.01% of equity; NaN without marks."""
    return float(np.count_nonzero(gross > _DUST * equity) / len(gross)) if len(gross) else math.nan


def traded_notional(fills: NDArray[np.void]) -> float:
    """Return the sum of quantity × fill price × rate, both sides counted, in account currency."""
    return float(np.sum(fills["qty"] * fills["price"] * fills["rate"]))


def cash_moved(marks: NDArray[np.void]) -> float:
    """Return the sum of all changes of cash from mark to mark: what was traded where fills are not kept."""
    return float(np.sum(np.abs(np.diff(marks["cash"]))))


def turnover(notional: float, mean_equity: float, years: float) -> float:
    """Return traded notional / mean equity / years: 2 means the account was bought and sold once a year."""
    return notional / mean_equity / years if mean_equity > 0.0 and years > 0.0 else math.nan


def costs_paid(fills: NDArray[np.void]) -> dict[str, float]:
    """Return what each cost took, in account currency."""
    return {name: float(np.sum(fills[field])) for name, field in COSTS.items()}


def cost_summary(fills: NDArray[np.void]) -> dict[str, Any]:
    """Return what each cost took, `paid` in account currency and `bps` of traded notional, and their total.

    Fees are also told apart: of resting orders (`fees_maker`), of all others (`fees_taker`) and of liquidations, each
    with the `notional` it was paid on, which its own `bps` refer to. `bps` is NaN where nothing was traded.
    """
    notional, paid = traded_notional(fills), costs_paid(fills)
    paid["total"] = sum(paid.values())
    costs = {name: {"paid": value, "bps": _in_bps(value, notional)} for name, value in paid.items()}
    liquidated = fills["reason"] == Reason.LIQUIDATION
    maker = (fills["maker"] != 0) & ~liquidated
    groups = {"fees_maker": maker, "fees_taker": ~maker & ~liquidated, "fees_liquidation": liquidated}
    return {"traded_notional": notional, **costs, **{name: _fees(fills[of]) for name, of in groups.items()}}


def cashflow_summary(events: NDArray[np.void]) -> dict[str, float]:
    """Return what funding, borrow, interest and dividends added to cash (negative = paid), and `net`, their sum."""
    flows = {name: float(np.sum(events["cash"][events["kind"] == kind])) for name, kind in CASHFLOWS.items()}
    return {**flows, "net": sum(flows.values())}


def _fees(fills: NDArray[np.void]) -> dict[str, float]:
    paid, notional = float(np.sum(fills["fee"])), traded_notional(fills)
    return {"paid": paid, "bps": _in_bps(paid, notional), "notional": notional}


def _in_bps(paid: float, notional: float) -> float:
    return paid / notional * BPS if notional > 0.0 else math.nan


def order_counts(events: NDArray[np.void]) -> dict[str, int]:
    """Return how many events of orders there were of each kind, by lower-case name, `partial` and `liquidations`.

    `filled` counts fills, not orders; `partial` counts orders whose first fill left a part of them open. A liquidation
    is a fill, too.
    """
    counts = np.bincount(events["kind"], minlength=len(EventKind))
    named = {kind.name.lower(): int(counts[kind]) for kind in _ORDER_KINDS}
    filled = events["kind"] == EventKind.FILLED
    liquidations = int(np.count_nonzero(filled & (events["reason"] == Reason.LIQUIDATION)))
    return {**named, "partial": _partly_filled(events), "liquidations": liquidations}


def order_reasons(events: NDArray[np.void]) -> dict[str, dict[str, int]]:
    """Return for denied, rejected, canceled, expired orders and refused amendments how often for which reason."""
    return {name: reasons(events, kind) for name, kind in _REFUSALS.items()}


def reasons(events: NDArray[np.void], *kinds: EventKind) -> dict[str, int]:
    """Return how often each reason was given by events of these kinds, most frequent first, by lower-case name."""
    chosen = events["reason"][np.isin(events["kind"], kinds)]
    counts = np.bincount(chosen, minlength=len(Reason))
    ranked = sorted(Reason, key=lambda reason: (-counts[reason], reason))
    return {reason.name.lower(): int(counts[reason]) for reason in ranked if counts[reason]}


def _partly_filled(events: NDArray[np.void]) -> int:
    submitted = np.flatnonzero(events["kind"] == EventKind.SUBMITTED)
    fills = np.flatnonzero((events["kind"] == EventKind.FILLED) & (events["order_id"] >= 0))
    if len(submitted) == 0 or len(fills) == 0:
        return 0
    order_ids, first = np.unique(events["order_id"][fills], return_index=True)
    ids = events["order_id"][submitted]
    by_id = np.argsort(ids, kind="stable")
    known = ids[by_id]
    place = np.minimum(np.searchsorted(known, order_ids), len(known) - 1)
    wanted = np.where(known[place] == order_ids, events["qty"][submitted][by_id][place], 0.0)
    return int(np.count_nonzero(events["qty"][fills][first] < wanted * (1.0 - 1e-9)))
