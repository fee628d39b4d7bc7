"""The kinds of features: what each is called, how many bars it needs, how long it remembers, and who computes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from keel.config.observation import FeatureEntry, ObservationSection
from keel.domain.errors import DataError
from keel.domain.timeframe import utc_text
from keel.features import activity, oscillators, price, volatility
from keel.features.series import Column, Garch, Series

FORGOTTEN: Final = 1e-9
"""Part of a beginning's influence that may be left where a feature counts as independent of it."""
RSI_FORGOTTEN: Final = 1e-18
"""The same of the index, a quotient of two averages: where prices stand still it shows what is left of them."""


@dataclass(frozen=True)
class Kind:
    """Describe a kind; its functions are given an entry of the section.

    `names` are templates, filled with the entry as `e`. `warm_up` is the number of an instrument's own bars before the
    first that has a value. `memory` is the number of further bars after which it no longer matters where the bars
    began: 0 for a window, more for a recursion, whose fitted parameters it is given.
    """

    names: tuple[str, ...]
    warm_up: Callable[[Any], int]
    compute: Callable[[Any, Series], tuple[Column, ...]]
    memory: Callable[[Any, Sequence[Garch]], int] = lambda _entry, _garch: 0

    def names_of(self, entry: FeatureEntry) -> tuple[str, ...]:
        """Return the names of an entry's numbers, its parameters in them."""
        return tuple(name.format(e=entry) for name in self.names)


def forgetting_bars(weight: float, left: float = FORGOTTEN) -> int:
    """Return after how many bars an average that gives `weight` to each new one keeps only `left` of the old."""
    return 0 if weight >= 1.0 else math.ceil(math.log(left) / math.log1p(-weight))


def _window(compute: Callable[[Any, Series], tuple[Column, ...]], *names: str, before: int = 0) -> Kind:
    """Describe a window of `bars` bars, together with `before` ones before it."""
    return Kind(names or ("{e.kind}_{e.bars}",), lambda entry: entry.bars - 1 + before, compute)


def _clock(compute: Callable[[Any, Series], tuple[Column, ...]]) -> Kind:
    return Kind(("{e.kind}_sin", "{e.kind}_cos"), lambda _entry: 0, compute)


_MACD: Final = ("macd_line_{e.fast}_{e.slow}_{e.signal}", "macd_histogram_{e.fast}_{e.slow}_{e.signal}")
_BANDS: Final = ("bollinger_b_{e.bars}_{e.deviations}", "bollinger_width_{e.bars}_{e.deviations}")

KINDS: Final[Mapping[str, Kind]] = {
    "log_return": _window(price.log_return, before=1),
    "momentum": _window(price.momentum, before=1),
    "z_score": _window(price.z_score),
    "distance_to_average": _window(price.distance_to_average),
    "bollinger": _window(price.bollinger, *_BANDS),
    "realised_volatility": _window(volatility.realised_volatility, before=1),
    "parkinson": _window(volatility.parkinson),
    "yang_zhang": _window(volatility.yang_zhang, before=1),
    "garch": Kind(
        ("garch",),
        lambda _entry: 1,
        volatility.garch,
        lambda _entry, garch: max((forgetting_bars(1.0 - one.beta) for one in garch), default=0),
    ),
    "rsi": Kind(
        ("rsi_{e.bars}",),
        lambda entry: entry.bars,
        oscillators.rsi,
        lambda entry, _garch: forgetting_bars(1.0 / entry.bars, RSI_FORGOTTEN),
    ),
    "macd": Kind(
        _MACD,
        lambda entry: entry.slow + entry.signal - 2,
        oscillators.macd,
        lambda entry, _garch: sum(forgetting_bars(2.0 / (bars + 1)) for bars in (entry.slow, entry.signal)),
    ),
    "atr": Kind(
        ("atr_{e.bars}",),
        lambda entry: entry.bars,
        oscillators.atr,
        lambda entry, _garch: forgetting_bars(1.0 / entry.bars),
    ),
    "relative_volume": _window(activity.relative_volume),
    "taker_buy_ratio": _window(activity.taker_buy_ratio),
    "time_of_day": _clock(activity.time_of_day),
    "day_of_week": _clock(activity.day_of_week),
    "column": Kind(("column_{e.name}",), lambda _entry: 0, activity.column),
}
"""The kinds by the `kind` of their entries."""


def feature_names(section: ObservationSection) -> tuple[str, ...]:
    """Return the features' names in their order; each tells its parameters, none is there twice."""
    return tuple(name for entry in section.features for name in KINDS[entry.kind].names_of(entry))


def warm_up_bars(section: ObservationSection) -> int:
    """Return how many of an instrument's own bars go by before the first at which every feature has a value."""
    return max(KINDS[entry.kind].warm_up(entry) for entry in section.features)


def extra_columns(section: ObservationSection) -> tuple[str, ...]:
    """Return the names of the series that must come beside the bars."""
    wanted = [entry.name for entry in section.features if entry.kind == "column"]
    if any(entry.kind == "taker_buy_ratio" for entry in section.features):
        wanted.append(activity.TAKER_BUY_VOLUME)
    return tuple(dict.fromkeys(wanted))


def own_features(section: ObservationSection, series: Series) -> Iterator[tuple[str, Column]]:
    """Yield each feature of one instrument by name: not normalised, of shape (bars,), NaN during its own warm-up.

    Raises DataError, naming feature, symbol and the bar's time, where one is no finite number after that.
    """
    for entry in section.features:
        kind = KINDS[entry.kind]
        with np.errstate(all="ignore"):  # what is no number is told below
            columns = kind.compute(entry, series)
        for name, values in zip(kind.names_of(entry), columns, strict=True):
            _refuse_unknown(name, values, kind.warm_up(entry), series)
            yield name, values


def own_returns(series: Series) -> Column:
    """Return the log returns that a GARCH is fitted to, shape (bars - 1,). Raises DataError as `own_features` does."""
    with np.errstate(all="ignore"):
        returns = price.log_returns(series)
    _refuse_unknown("garch", returns, 1, series)
    return returns[1:]


def _refuse_unknown(name: str, values: Column, warm_up: int, series: Series) -> None:
    known = np.isfinite(values[warm_up:])
    if not known.all():
        bar = warm_up + int(known.argmin())
        when = utc_text(series.close_ts_ms(bar))
        raise DataError(
            f"feature {name} of {series.symbol} is {values[bar]} at the bar that closes {when}, after its warm-up of "
            f"{warm_up} bars: a price, volume or column there is missing or not above 0; validate the bars"
        )
