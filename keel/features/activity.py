"""Features of volume, of the clock, and of series that come beside the bars."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from keel.config.observation import DayOfWeek, ExtraColumn, RelativeVolume, TakerBuyRatio, TimeOfDay
from keel.features.price import ratio, rolling_sum
from keel.features.series import Column, Series

TAKER_BUY_VOLUME: Final = "taker_buy_volume"
"""The series beside the bars that holds what buyers took, base units."""
_MINUTES_A_DAY: Final = 1440
_DAYS_A_WEEK: Final = 7


def relative_volume(entry: RelativeVolume, series: Series) -> tuple[Column, ...]:
    """Return the volume over the mean of n volumes, the last included; 0 where there was none."""
    volume = series.column("volume")
    return (ratio(volume * entry.bars, rolling_sum(volume, entry.bars), 0.0),)


def taker_buy_ratio(entry: TakerBuyRatio, series: Series) -> tuple[Column, ...]:
    """Return the part of n bars' volume that buyers took, 0 to 1; ½ where there was no volume."""
    bought = rolling_sum(series.beside(TAKER_BUY_VOLUME), entry.bars)
    return (ratio(bought, rolling_sum(series.column("volume"), entry.bars), 0.5),)


def time_of_day(_entry: TimeOfDay, series: Series) -> tuple[Column, ...]:
    """Return sine and cosine of the minute of the day at which the bar opened, in its own zone."""
    return _circle(series.column("minute_of_week") % _MINUTES_A_DAY / _MINUTES_A_DAY)


def day_of_week(_entry: DayOfWeek, series: Series) -> tuple[Column, ...]:
    """Return sine and cosine of the day of the week (Monday is 0) on which the bar opened, in its own zone."""
    return _circle(series.column("minute_of_week") // _MINUTES_A_DAY / _DAYS_A_WEEK)


def column(entry: ExtraColumn, series: Series) -> tuple[Column, ...]:
    """Return a series beside the bars as it is."""
    return (series.beside(entry.name),)


def _circle(part: Column) -> tuple[Column, Column]:
    angle = part * (2.0 * math.pi)
    return np.sin(angle), np.cos(angle)
