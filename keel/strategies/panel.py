"""Bars as strategies see them: columns over time and instruments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.layout import BAR_PRESENT

Column = NDArray[np.float64]
Extra = Mapping[str, Column]
"""Series that come beside the bars by name, each of shape (rows, N)."""

_NOTHING_BESIDE: Final[Extra] = MappingProxyType({})


class BarPanel:
    """View bars of shape (rows, N) by column: no copy, and no way to write. Missing bars are NaN with volume 0.

    `extra` are the series that the strategy asked for by `extra_columns`.
    """

    def __init__(self, bars: NDArray[np.void], symbols: tuple[str, ...], extra: Extra = _NOTHING_BESIDE) -> None:
        self._bars = _sealed(bars)
        self.extra: Extra = MappingProxyType({name: _sealed(values) for name, values in extra.items()})
        self._closes = self._bars["close"]
        self._own: dict[int, tuple[NDArray[np.bool_] | None, Series]] = {}
        self.symbols = symbols

    def __len__(self) -> int:
        return len(self._bars)

    @property
    def n(self) -> int:
        """Return the number of instruments."""
        return len(self.symbols)

    @property
    def open(self) -> Column:
        """Return opening prices, shape (rows, N)."""
        return self._bars["open"]

    @property
    def high(self) -> Column:
        """Return highs, shape (rows, N)."""
        return self._bars["high"]

    @property
    def low(self) -> Column:
        """Return lows, shape (rows, N)."""
        return self._bars["low"]

    @property
    def close(self) -> Column:
        """Return closing prices, shape (rows, N)."""
        return self._closes

    @property
    def volume(self) -> Column:
        """Return volumes in base units, shape (rows, N)."""
        return self._bars["volume"]

    @property
    def records(self) -> NDArray[np.void]:
        """Return the bars as BAR records of shape (rows, N), as `keel.features` takes them."""
        return self._bars

    @property
    def close_ts_ms(self) -> NDArray[np.int64]:
        """Return the decision times, UTC epoch milliseconds, shape (rows,)."""
        return self._bars["close_ts_ms"][:, 0]

    @property
    def day(self) -> NDArray[np.int32]:
        """Return the trading day of each row in the market's zone, days since 1970-01-01, shape (rows,)."""
        return self._bars["day"][:, 0]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Return where a bar exists, shape (rows, N)."""
        there: NDArray[np.bool_] = (self._bars["flags"] & BAR_PRESENT) != 0
        return there

    def index(self, symbol: str) -> int:
        """Return the column of a symbol. Raises KeyError, naming the symbols there are."""
        if symbol not in self.symbols:
            raise KeyError(f"{symbol!r} is not among this run's symbols: {', '.join(self.symbols)}")
        return self.symbols.index(symbol)

    def close_at(self, row: int, symbol: str) -> float:
        """Return one close, NaN where the bar is missing. Raises KeyError for an unknown symbol."""
        return float(self._closes[row, self.index(symbol)])

    def until(self, row: int) -> BarPanel:
        """Return the panel as it stood at the close of `row`, that row included."""
        return self.part(0, row + 1)

    def part(self, first: int, last: int) -> BarPanel:
        """Return the rows first … last - 1."""
        panel = BarPanel.__new__(BarPanel)
        panel._bars, panel._closes, panel.symbols = self._bars[first:last], self._closes[first:last], self.symbols
        panel._own = {}
        panel.extra = self.extra and {name: values[first:last] for name, values in self.extra.items()}
        return panel

    def each(self, decide: Callable[[Series], Column | NDArray[np.bool_]]) -> Column:
        """Apply `decide` to each instrument's own bars (missing rows left out) and return (rows, N) values.

        A row without a bar carries the value of the row before (0 at the start). NaN from an indicator that is still
        warming up becomes 0: flat. Raises ValueError if `decide` does not return one value a bar.
        """
        out = np.zeros((len(self), self.n))
        for i in range(self.n):
            present, own = self._series(i)
            values = np.asarray(decide(own))
            if values.shape != own.close.shape:
                raise ValueError(
                    f"each: {len(own.close)} bars were given, values of shape {values.shape} came back: one a bar"
                )
            known = values if values.dtype == np.bool_ else np.where(np.isnan(values), 0.0, values)
            out[:, i] = known if present is None else np.append(0.0, known)[np.cumsum(present)]
        return out

    def _series(self, i: int) -> tuple[NDArray[np.bool_] | None, Series]:
        """Return which rows have a bar of an instrument, None for all, and its bars; kept for whoever asks next."""
        if i not in self._own:
            # One walk over the bars, which are wider than what is read of them: a missing bar's close is NaN.
            closes = np.ascontiguousarray(self._closes[:, i])
            present = ~np.isnan(closes)
            if present.all():
                self._own[i] = None, Series(self._bars[:, i], closes)
            else:
                self._own[i] = present, Series(self._bars[present, i], closes[present])
        return self._own[i]


def _sealed(values: NDArray[Any]) -> NDArray[Any]:
    """Return the same memory behind a read-only buffer: numpy lets a mere flag be set back, also on a view's base."""
    return np.asarray(np.ascontiguousarray(values).data.toreadonly())


class Series:
    """Hold one instrument's own bars as contiguous read-only columns, each of shape (bars,)."""

    def __init__(self, bars: NDArray[np.void], close: Column) -> None:
        self._bars = bars
        self._columns = {"close": close}
        close.flags.writeable = False

    def _column(self, name: str) -> Column:
        if name not in self._columns:
            self._columns[name] = np.ascontiguousarray(self._bars[name])
            self._columns[name].flags.writeable = False
        return self._columns[name]

    @property
    def open(self) -> Column:
        """Return opening prices."""
        return self._column("open")

    @property
    def high(self) -> Column:
        """Return highs."""
        return self._column("high")

    @property
    def low(self) -> Column:
        """Return lows."""
        return self._column("low")

    @property
    def close(self) -> Column:
        """Return closing prices."""
        return self._column("close")

    @property
    def volume(self) -> Column:
        """Return volumes in base units."""
        return self._column("volume")
