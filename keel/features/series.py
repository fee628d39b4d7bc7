"""One instrument's own bars as features read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from keel.domain.errors import DataError
from keel.domain.layout import BAR_PRESENT

Column: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Garch:
    """Hold a fitted GARCH(1,1) of log returns; `omega` and `variance`, where it starts, are squared log returns."""

    omega: float
    alpha: float
    beta: float
    variance: float


class Series:
    """Hold one instrument's bars, rows without one left out, as contiguous columns of shape (bars,).

    `bars` are its BAR records, one a row, and `extra` the series that come beside them, one value a row. `garch` is
    what was fitted on the training rows, None while it is being fitted.
    """

    def __init__(
        self, symbol: str, bars: NDArray[np.void], extra: Mapping[str, NDArray[Any]], garch: Garch | None = None
    ) -> None:
        self.symbol = symbol
        self.garch = garch
        self.present: NDArray[np.bool_] = bars["flags"] & BAR_PRESENT != 0
        self._bars = bars
        self._extra = extra
        self._whole = bool(self.present.all())
        self._columns: dict[str, Column] = {}

    def __len__(self) -> int:
        return int(np.count_nonzero(self.present))

    def column(self, name: str) -> Column:
        """Return a field of the bars as float64: open, high, low, close, volume or minute_of_week."""
        if name not in self._columns:
            self._columns[name] = self._own(self._bars[name])
        return self._columns[name]

    def beside(self, name: str) -> Column:
        """Return a series beside the bars. Raises DataError if it was not given."""
        if name not in self._extra:
            given = ", ".join(sorted(self._extra)) or "none"
            raise DataError(f"{self.symbol}: a feature needs the column {name!r} beside the bars; there are: {given}")
        return self._own(self._extra[name])

    @cached_property
    def log_close(self) -> Column:
        """Return the logarithm of the close."""
        return np.asarray(np.log(self.column("close")))

    def close_ts_ms(self, bar: int) -> int:
        """Return when one of the bars closed, UTC epoch milliseconds."""
        return int(self._bars["close_ts_ms"][np.flatnonzero(self.present)[bar]])

    def _own(self, rows: NDArray[Any]) -> Column:
        return np.ascontiguousarray(rows if self._whole else rows[self.present], dtype=np.float64)
