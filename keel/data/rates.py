"""What a quote currency is worth in the account's, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.data.bars import BarSource
from keel.domain.errors import ConfigError, DataError
from keel.domain.timeframe import MS_PER_DAY, timeframe_ms, utc_text

MAX_AGE_DAYS: Final = 7
"""Oldest close a rate is taken from: long enough for a long weekend and a holiday, too short to hide a series' end."""


@dataclass(frozen=True)
class RateSeries:
    """Hold the closes of stored bars as a rate; `name` is the instrument's, `span_ms` first and last open."""

    name: str
    timeframe: str
    span_ms: tuple[int, int]
    close_ts_ms: NDArray[np.int64]
    close: NDArray[np.float64]


Rate: TypeAlias = float | RateSeries
"""Account currency per unit: the same for all rows, or the newest close."""


def read_rate(bars: BarSource) -> RateSeries:
    """Read the closes of stored bars. Raises DataError where the bars cannot be read."""
    table = pl.concat([piece.select("open_ts_ms", "close_ts_ms", "close") for piece in bars.pieces()])
    opens = table["open_ts_ms"]
    return RateSeries(
        name=str(bars.header.instrument_id),
        timeframe=bars.header.timeframe,
        span_ms=(int(opens[0]), int(opens[-1])),
        close_ts_ms=table["close_ts_ms"].to_numpy(),
        close=table["close"].to_numpy(),
    )


def rates_for(
    quotes: Sequence[tuple[str, str]],
    account_currency: str,
    rates: Mapping[str, Rate],
    decision_ts_ms: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return account currency per unit of each instrument's quote currency at each decision, float64 (rows, N).

    `quotes` is (symbol, quote currency) of each instrument; where all are the account's the shape is (0, N). The rate
    of a row is the close of the newest bar that has closed by then. Raises ConfigError naming the key for a currency
    without a rate; DataError naming the time for a series that starts too late or whose newest close is older than 7
    days (or a bar, if that is longer).
    """
    if all(currency == account_currency for _, currency in quotes):
        return np.zeros((0, len(quotes)))
    out = np.ones((decision_ts_ms.size, len(quotes)))
    for i, (symbol, currency) in enumerate(quotes):
        if currency == account_currency:
            continue
        if currency not in rates:
            raise ConfigError(
                f"{symbol} is quoted in {currency}, the account is in {account_currency}: no rate is given: set "
                f"data.rates.{currency} to {account_currency} per {currency}, a number or a stored symbol such as "
                f"{currency}/{account_currency}"
            )
        rate = rates[currency]
        out[:, i] = _newest(rate, currency, decision_ts_ms) if isinstance(rate, RateSeries) else rate
    return out


def _newest(rate: RateSeries, currency: str, decision_ts_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    at = np.searchsorted(rate.close_ts_ms, decision_ts_ms, side="right") - 1
    where = f"data.rates.{currency}: {rate.name} {rate.timeframe}"
    if at[0] < 0:
        raise DataError(
            f"{where} closes first at {utc_text(int(rate.close_ts_ms[0]))}, after the first decision at "
            f"{utc_text(int(decision_ts_ms[0]))}: import earlier bars, or start the run later"
        )
    age_ms = decision_ts_ms - rate.close_ts_ms[at]
    old = np.flatnonzero(age_ms > max(MAX_AGE_DAYS * MS_PER_DAY, timeframe_ms(rate.timeframe)))
    if old.size:
        row = int(old[0])
        raise DataError(
            f"{where}: at {utc_text(int(decision_ts_ms[row]))} its newest close is {age_ms[row] / MS_PER_DAY:.1f} days "
            f"old, of {utc_text(int(rate.close_ts_ms[at[row]]))}: import the bars that are missing"
        )
    return rate.close[at]
