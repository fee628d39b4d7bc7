"""Endpoint that tells splits and dividends of stocks, those to come too: each on its ex-date.

Source: https://docs.alpaca.markets/reference/corporateactions-1
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import numpy as np

from keel.domain.orders import ActionKind
from keel.practice.alpaca.assets import Asset
from keel.practice.alpaca.endpoints import Call, Handler
from keel.practice.alpaca.refusals import Refusal
from keel.practice.alpaca.spelling import made_id

_LISTS: Final = {
    "forward_split": "forward_splits",
    "reverse_split": "reverse_splits",
    "cash_dividend": "cash_dividends",
}
_LARGEST_RATE: Final = 1_000_000


async def corporate_actions(call: Call) -> dict[str, Any]:
    """Tell what happens to holders, by kind; without dates what happens today."""
    wanted, names = call.words("types"), call.words("symbols")
    today = _date(call, call.state.market.now_ms)
    first, last = call.query.get("start", today)[:10], call.query.get("end", today)[:10]
    told: list[tuple[str, dict[str, Any]]] = []
    for asset in call.state.assets:
        if names and not set(names) & set(asset.names):
            continue
        every = [_told(call, asset, one) for one in _actions(call, asset)]
        told += [(kind, one) for kind, one in every if first <= one["ex_date"] <= last]
    told = sorted((one for one in told if not wanted or one[0] in wanted), key=lambda one: one[1]["ex_date"])
    return _page(call, told)


def _actions(call: Call, asset: Asset) -> list[np.void]:
    actions = call.state.actions
    mine = actions.records[actions.starts[asset.place] : actions.ends[asset.place]]
    return [one for one in mine if one["kind"] != ActionKind.FUNDING]


def _told(call: Call, asset: Asset, action: np.void) -> tuple[str, dict[str, Any]]:
    date = _date(call, int(action["ts_ms"]))
    body: dict[str, Any] = {
        "id": made_id("corporate action", asset.symbol, date, int(action["kind"])),
        "symbol": asset.symbol,
        "ex_date": date,
        "process_date": date,
        "record_date": date,
        "payable_date": date,
    }
    value = float(action["value"])
    if action["kind"] == ActionKind.DIVIDEND:
        return "cash_dividend", body | {"cusip": _cusip(asset), "rate": value, "special": False, "foreign": False}
    # written as a decimal, a third would be no whole number of old units
    ratio = Fraction(value).limit_denominator(_LARGEST_RATE)
    rates = {"new_rate": ratio.numerator, "old_rate": ratio.denominator}
    if value >= 1.0:
        return "forward_split", body | rates | {"cusip": _cusip(asset)}
    return "reverse_split", body | rates | {"old_cusip": _cusip(asset), "new_cusip": _cusip(asset)}


def _page(call: Call, told: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    given, limit = call.query.get("page_token", "0"), call.whole("limit", 100, 1000)
    if not given.isdecimal():
        raise Refusal(400, None, "invalid page_token")
    start = int(given)
    found: dict[str, list[Any]] = {}
    for kind, body in told[start : start + limit]:
        found.setdefault(_LISTS[kind], []).append(body)
    more = start + limit < len(told)
    return {"corporate_actions": found, "next_page_token": str(start + limit) if more else None}


def _date(call: Call, ts_ms: int) -> str:
    return f"{call.state.hours.local(ts_ms):%Y-%m-%d}"


def _cusip(asset: Asset) -> str:
    return made_id("cusip", asset.symbol).replace("-", "")[:9].upper()


CORPORATE: Final[dict[str, Handler]] = {"GET /v1/corporate-actions": corporate_actions}
