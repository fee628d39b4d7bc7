"""Features of closes: returns and distances from averages.

Each function takes an entry of the section and one instrument's series and returns columns of shape (bars,), NaN until
they are defined.
"""

from __future__ import annotations

import numpy as np

from keel.config.observation import Bollinger, DistanceToAverage, LogReturn, Momentum, ZScore
from keel.features.rolling_nb import rolling_moments_nb, rolling_sum_nb
from keel.features.series import Column, Series


def log_returns(series: Series, bars: int = 1) -> Column:
    """Return ln(close / close `bars` before)."""
    out = np.full(len(series.log_close), np.nan)
    out[bars:] = series.log_close[bars:] - series.log_close[:-bars]
    return out


def rolling_sum(values: Column, bars: int) -> Column:
    """Return the sum of the last `bars` values; leading NaN are left out, as if there were no such bars."""
    out = np.empty_like(values)
    start = _leading_nan(values)
    out[:start] = np.nan
    rolling_sum_nb(values[start:], bars, out[start:])
    return out


def rolling_moments(values: Column, bars: int) -> tuple[Column, Column]:
    """Return the mean and the population standard deviation of the last `bars` values, as `rolling_sum` does."""
    mean, deviation = np.empty_like(values), np.empty_like(values)
    start = _leading_nan(values)
    mean[:start] = deviation[:start] = np.nan
    rolling_moments_nb(values[start:], bars, mean[start:], deviation[start:])
    return mean, deviation


def ratio(above: Column, below: Column, otherwise: float) -> Column:
    """Return `above / below`, and `otherwise` where `below` is 0."""
    out = np.full_like(above, otherwise)
    np.divide(above, below, out=out, where=below != 0.0)
    return out


def log_return(entry: LogReturn, series: Series) -> tuple[Column, ...]:
    """Return the log return over some bars."""
    return (log_returns(series, entry.bars),)


def momentum(entry: Momentum, series: Series) -> tuple[Column, ...]:
    """Return the log return over n bars over sqrt(n) realised volatilities of a bar; 0 where nothing moved.

    Source: Moskowitz, Ooi, Pedersen, Time series momentum, J. Financial Economics 104, 2012, who scale by volatility.
    """
    moved = np.sqrt(np.maximum(rolling_sum(log_returns(series) ** 2, entry.bars), 0.0))
    return (ratio(log_returns(series, entry.bars), moved, 0.0),)


def z_score(entry: ZScore, series: Series) -> tuple[Column, ...]:
    """Return (close - mean) / population standard deviation of n closes; 0 where they are all the same."""
    mean, deviation = rolling_moments(series.column("close"), entry.bars)
    return (ratio(series.column("close") - mean, deviation, 0.0),)


def distance_to_average(entry: DistanceToAverage, series: Series) -> tuple[Column, ...]:
    """Return the close over the mean of n closes, less 1."""
    close = series.column("close")
    return (ratio(close * entry.bars, rolling_sum(close, entry.bars), 1.0) - 1.0,)


def bollinger(entry: Bollinger, series: Series) -> tuple[Column, ...]:
    """Return %b = (close - lower) / (upper - lower), ½ where the bands meet, and (upper - lower) / mean.

    Source: Bollinger, Bollinger on Bollinger Bands, 2001; the deviation is the population's.
    """
    mean, deviation = rolling_moments(series.column("close"), entry.bars)
    half = entry.deviations * deviation
    return ratio(series.column("close") - mean + half, 2.0 * half, 0.5), ratio(2.0 * half, mean, 0.0)


def _leading_nan(values: Column) -> int:
    known = ~np.isnan(values)
    return int(known.argmax()) if known.any() else len(values)
