"""What an event-driven strategy asks for in a candle table (docs/execution.md, rule 23), read from text.

A line per request, the row at whose close it is asked first:

    0  buy 5 A limit 99.5 gtc stop-loss 95 take-profit 110 as x
    2  amend x limit 99 qty 3
    3  cancel x.stop-loss

Types: nothing more is a market order; `limit 99`; `stop 105`; `stop 105 limit 106`; `touch 95` (a take-profit order);
`trail 2` and `trail 5%` (a trailing stop). Lifetimes: `gtc` (if none is given), `ioc`, `fok`, `day`, `gtd 150` (the
second it ends). `reduce` is reduce-only; orders with the same word after `pair` are partners. Legs: `stop-loss 95`,
`stop-loss-trail 2` (or `5%`), `take-profit 110`. `as x` names the order for what is asked later; `x.stop-loss` and
`x.take-profit` are its legs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from keel.domain.layout import REQUEST
from keel.domain.orders import OrderSide, OrderType, RequestKind, TimeInForce

NAMES = "ABC"
LEGS = {"stop-loss": 1, "take-profit": 2}
"""What a leg's tag is above its parent's (REQUEST)."""
PRICES = {
    "limit": "limit_price",
    "stop": "trigger_price",
    "touch": "trigger_price",
    "trigger": "trigger_price",
    "qty": "qty",
    "stop-loss": "stop_loss",
    "take-profit": "take_profit",
}
TRAILS = {"trail": "trail", "stop-loss-trail": "stop_trail"}
TYPES = {
    frozenset[str](): OrderType.MARKET,
    frozenset({"limit"}): OrderType.LIMIT,
    frozenset({"stop"}): OrderType.STOP,
    frozenset({"stop", "limit"}): OrderType.STOP_LIMIT,
    frozenset({"touch"}): OrderType.TAKE_PROFIT,
    frozenset({"trail"}): OrderType.TRAILING_STOP,
}


def read_requests(text: str) -> dict[int, np.ndarray]:
    """Return the REQUESTs of each row that has any."""
    rows: dict[int, list[np.ndarray]] = defaultdict(list)
    orders: dict[str, np.ndarray] = {}
    pairs: dict[str, int] = {}
    for line in text.strip().splitlines():
        row, verb, *words = line.split()
        if verb in ("buy", "sell"):
            rows[int(row)].append(_new_order(OrderSide[verb.upper()], words, orders, pairs))
        else:
            rows[int(row)].append(_change(RequestKind[verb.upper()], words, orders))
    return {row: np.concatenate(asked) for row, asked in rows.items()}


def _new_order(side: OrderSide, words: list[str], orders: dict[str, np.ndarray], pairs: dict[str, int]) -> np.ndarray:
    request = np.zeros(1, REQUEST)
    qty, name, *terms = words
    request["kind"], request["side"], request["pair"] = RequestKind.NEW, side, -1
    request["qty"], request["instrument"] = number(qty), NAMES.index(name)
    request["type"] = TYPES[frozenset(terms) & {"limit", "stop", "touch", "trail"}]
    request["tag"] = 3 * len(orders)
    given = "an order without a name"
    rest = iter(terms)
    for word in rest:
        if word == "as":
            given = next(rest)
        elif word == "pair":
            request["pair"] = pairs.setdefault(next(rest), -2 - len(pairs))
        elif word == "reduce":
            request["reduce_only"] = 1
        elif word.upper() in TimeInForce.__members__:
            request["time_in_force"] = TimeInForce[word.upper()]
            request["expire_ts_ms"] = number(next(rest)) * 1000 if word == "gtd" else 0
        else:
            _set_price(request, word, rest)
    orders[f"{given} {len(orders)}" if given in orders else given] = request
    return request


def _change(kind: RequestKind, words: list[str], orders: dict[str, np.ndarray]) -> np.ndarray:
    request = np.zeros(1, REQUEST)
    named, *terms = words
    name, _, leg = named.partition(".")
    order = orders[name]
    request["kind"], request["pair"], request["instrument"] = kind, -1, order["instrument"]
    request["tag"] = order["tag"] + (LEGS[leg] if leg else 0)
    rest = iter(terms)
    for word in rest:
        _set_price(request, word, rest)
    return request


def _set_price(request: np.ndarray, word: str, rest: Iterator[str]) -> None:
    value = next(rest)
    if word in PRICES:
        request[PRICES[word]] = number(value)
    elif value.endswith("%"):
        request[f"{TRAILS[word]}_rate"] = number(value[:-1]) / 100
    else:
        request[TRAILS[word]] = number(value)


def number(word: str) -> float:
    """Return the float nearest to a decimal or a fraction."""
    return float(Fraction(word))
