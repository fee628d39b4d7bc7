"""What a strategy may know of its account: the local book at the close of a bar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class AccountView:
    """Show the local book: what responses have told us up to now (docs/execution.md, rule 5).

    `equity` and `cash` are account currency; `position_qty` (base units), `average_price` and `mark_price` (quote
    currency per unit) and `rate` (account currency per unit of quote currency) have shape (N,) in the configured order
    of instruments. `peak_equity` is the highest equity of any close so far, the starting cash included.
    """

    equity: float
    cash: float
    position_qty: NDArray[np.float64]
    average_price: NDArray[np.float64]
    mark_price: NDArray[np.float64]
    rate: NDArray[np.float64]
    peak_equity: float

    @property
    def weight(self) -> NDArray[np.float64]:
        """Return each position as a fraction of equity, shape (N,); zeros if there is no equity left."""
        if self.equity <= 0.0:
            return np.zeros_like(self.position_qty)
        return self.position_qty * self.mark_price * self.rate / self.equity
