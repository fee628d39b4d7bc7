"""What a candle table is given besides its bars: actions, exchange rates and fee tiers, read from text.

Actions, a line each, times in seconds, in any order:

    150  A  funding 0.001

Rates, a line per row, the account currency's price of one unit of each instrument's quote currency: `1.25 | 1`.
Tiers, a line each, lowest first: the volume of 30 days, the taker's and the maker's fee in bps: `0 10 5`.
"""

from __future__ import annotations

import numpy as np

from keel.domain.layout import ACTION
from keel.domain.orders import ActionKind

from .asked import NAMES, number


def read_actions(text: str, slots: np.ndarray) -> np.ndarray:
    """Return the ACTIONs, by instrument and time, and set each slot's range of them."""
    lines = [line.split() for line in text.strip().splitlines()]
    found = [
        (NAMES.index(name), number(time), ActionKind[kind.upper()], number(value)) for time, name, kind, value in lines
    ]
    actions = np.zeros(len(found), ACTION)
    for action, (instrument, time_s, kind, value) in zip(actions, sorted(found), strict=True):
        action["instrument"], action["ts_ms"] = instrument, round(time_s * 1000)
        action["kind"], action["value"] = kind, value
    for i, slot in enumerate(slots):
        slot["action_start"], slot["action_end"] = np.searchsorted(actions["instrument"], [i, i + 1])
    return actions


def read_rates(text: str) -> np.ndarray | None:
    """Return the exchange rates, float64 (rows, N), or None where there are none."""
    lines = text.strip().splitlines()
    return np.array([[number(word) for word in line.split("|")] for line in lines]) if lines else None


def set_tiers(run: np.ndarray, text: str) -> None:
    """Write fee tiers into a RUN array; the slots' own rates are those of the first day."""
    lines = text.strip().splitlines()
    run["n_tiers"] = len(lines)
    for at, line in enumerate(lines):
        volume, taker_bps, maker_bps = map(number, line.split())
        run["tier_volume"][0, at] = volume
        run["tier_taker_rate"][0, at] = taker_bps / 10_000
        run["tier_maker_rate"][0, at] = maker_bps / 10_000
