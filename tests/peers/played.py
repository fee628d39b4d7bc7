"""What a side of a comparison comes to, and how far two of them are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLOSE_ENOUGH = 1e-9
"""Relative difference that two sides may have: rounding grows with the bars, a cent does not hide in it."""

FILL = np.dtype([("row", "i8"), ("instrument", "i8"), ("price", "f8"), ("qty", "f8")])


@dataclass(frozen=True)
class Played:
    """Hold equity after each row, (rows,), FILL records with signed quantities, and the sum of all fees."""

    equity: np.ndarray
    fills: np.ndarray
    fees: float


def fills_of(row: np.ndarray, instrument: np.ndarray, price: np.ndarray, qty: np.ndarray) -> np.ndarray:
    """Return FILL records in order; fills of one row, instrument and price are one: a peer books them by trade."""
    keys = np.rec.fromarrays([row, instrument, price], names="row,instrument,price")
    found, at = np.unique(keys, return_inverse=True)
    fills = np.zeros(len(found), FILL)
    for name in ("row", "instrument", "price"):
        fills[name] = found[name]
    np.add.at(fills["qty"], at, qty)
    return fills[fills["qty"] != 0.0]


def worst_difference(ours: Played, theirs: Played) -> float:
    """Return the largest difference of equity curves, quantities and fees, relative to equity."""
    assert ours.equity.shape == theirs.equity.shape
    assert [ours.fills[name].tolist() for name in ("row", "instrument")] == [
        theirs.fills[name].tolist() for name in ("row", "instrument")
    ], "the sides traded at different bars"
    equity = np.abs(theirs.equity)
    value = equity[theirs.fills["row"]]
    apart = [
        np.abs(ours.equity - theirs.equity) / equity,
        np.abs(ours.fills["price"] / theirs.fills["price"] - 1.0),
        np.abs(ours.fills["qty"] - theirs.fills["qty"]) * theirs.fills["price"] / value,
        [abs(ours.fees - theirs.fees) / equity[0]],
    ]
    return max(float(np.max(each, initial=0.0)) for each in apart)
