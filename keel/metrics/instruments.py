"""What each instrument had a part in: orders, fills, costs, cash flows and trades."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.orders import EventKind
from keel.metrics import activity, trades

_CARRY: Final = (EventKind.FUNDING, EventKind.BORROW, EventKind.DIVIDEND)


def instrument_figures(
    events: NDArray[np.void], closed: NDArray[np.void], still_open: NDArray[np.void], symbols: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return by symbol the counts, costs (account currency) and profits of one instrument.

    `costs` is fees, spread, impact and rounding; `carry` what funding, borrow and dividends added to cash.
    """
    n, instrument, kind = len(symbols), events["instrument"], events["kind"]
    sent, refused = kind == EventKind.SUBMITTED, np.isin(kind, (EventKind.DENIED, EventKind.REJECTED))
    fills = activity.of_kind(events, EventKind.FILLED)
    columns: dict[str, list[Any]] = {
        "orders": _count(instrument[sent], n),
        "buys": _count(instrument[sent & (events["side"] > 0)], n),
        "sells": _count(instrument[sent & (events["side"] < 0)], n),
        "refused": _count(instrument[refused], n),
        "fills": _count(fills["instrument"], n),
        "traded_notional": _sum(fills["instrument"], fills["qty"] * fills["price"] * fills["rate"], n),
        "costs": _sum(fills["instrument"], sum((fills[of] for of in activity.COSTS.values()), np.zeros(len(fills))), n),
        "carry": _carry(events, n),
        "trades": _count(closed["instrument"], n),
        "win_rate": [trades.win_rate(closed["pnl"][closed["instrument"] == i]) for i in range(n)],
        "net_profit": _sum(closed["instrument"], closed["pnl"], n),
        "open_profit": _sum(still_open["instrument"], still_open["pnl"], n),
    }
    return {symbol: {name: column[i] for name, column in columns.items()} for i, symbol in enumerate(symbols)}


def _carry(events: NDArray[np.void], n: int) -> list[float]:
    flows = np.isin(events["kind"], _CARRY) & (events["instrument"] >= 0)
    return _sum(events["instrument"][flows], events["cash"][flows], n)


def _count(instruments: NDArray[np.integer], n: int) -> list[int]:
    return [int(number) for number in np.bincount(instruments, minlength=n)]


def _sum(instruments: NDArray[np.integer], values: NDArray[np.float64], n: int) -> list[float]:
    return [float(total) for total in np.bincount(instruments, values, minlength=n)]
