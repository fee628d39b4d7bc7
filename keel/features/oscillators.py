"""Features whose averages forget slowly: Wilder's index and true range, MACD."""

from __future__ import annotations

import numpy as np

from keel.config.observation import Atr, Macd, Rsi
from keel.features.indicators import talib
from keel.features.price import ratio
from keel.features.recursions_nb import rsi_nb
from keel.features.series import Column, Series


def rsi(entry: Rsi, series: Series) -> tuple[Column, ...]:
    """Return the relative strength index, 0 to 100.

    Source: Wilder, New Concepts in Technical Trading Systems, 1978.
    """
    out = np.empty(len(series))
    rsi_nb(series.column("close"), entry.bars, out)
    return (out,)


def macd(entry: Macd, series: Series) -> tuple[Column, ...]:
    """Return the MACD line and its histogram (line less signal), both over the close.

    Source: Appel, Technical Analysis: Power Tools for Active Investors, 2005.
    """
    close = series.column("close")
    line, _, histogram = talib.MACD(close, entry.fast, entry.slow, entry.signal)
    return ratio(line, close, np.nan), ratio(histogram, close, np.nan)


def atr(entry: Atr, series: Series) -> tuple[Column, ...]:
    """Return the average true range over the close. Source: Wilder, as above."""
    close = series.column("close")
    return (ratio(talib.ATR(series.column("high"), series.column("low"), close, entry.bars), close, np.nan),)
