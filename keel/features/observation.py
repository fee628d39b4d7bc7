"""The one observation builder: training, evaluation and live compute their features here.

A section (`keel.config.observation`) says which features there are, `fit` learns from the training rows what they are
normalised by, `compute_features` makes the array that observations are cut from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.config.observation import ObservationSection
from keel.domain.errors import DataError
from keel.domain.layout import BAR_PRESENT
from keel.features.fitted import Fitted
from keel.features.garch import fit_garch
from keel.features.kinds import KINDS, feature_names, own_features, own_returns, warm_up_bars
from keel.features.normalise import centre_and_scale
from keel.features.normalise_nb import lay_nb
from keel.features.series import Column, Garch, Series

Extra = Mapping[str, NDArray[Any]]
"""Series that come beside the bars by name, each of their shape (rows, N)."""
Span = tuple[int, int]
"""Rows from the first up to, not including, the second."""

_NOTHING_BESIDE: Final[Extra] = MappingProxyType({})


def fit(
    section: ObservationSection,
    symbols: Sequence[str],
    bars: NDArray[np.void],
    extra: Extra = _NOTHING_BESIDE,
    spans: Sequence[Span] | None = None,
) -> Fitted:
    """Learn GARCH parameters and normalisation, each symbol's own, from training rows alone.

    `bars` are BAR records (rows, N). `spans` are the training rows among them, all if None; each is computed by itself,
    with a warm-up of its own, so that no row outside is read. Raises DataError where an instrument has too few bars in
    a span, or a feature is no finite number after its warm-up.
    """
    _refuse_shapes(symbols, bars, extra)
    parts = [(bars, extra)] if spans is None else [(bars[a:b], _cut(extra, slice(a, b))) for a, b in spans]
    if not parts:
        raise ValueError("there are no training rows to fit to")
    centres, scales, garch = [], [], []
    for i, symbol in enumerate(symbols):
        own = [_series(section, symbol, i, part, beside) for part, beside in parts]
        if any(entry.kind == "garch" for entry in section.features):
            garch.append(fit_garch(symbol, np.concatenate([own_returns(series) for series in own])))
            for series in own:
                series.garch = garch[-1]
        moments = [centre_and_scale(f"feature {name} of {symbol}", values) for name, values in _pooled(section, own)]
        centres.append(tuple(centre for centre, _ in moments))
        scales.append(tuple(scale for _, scale in moments))
    return Fitted(section, tuple(symbols), tuple(centres), tuple(scales), tuple(garch))


def compute_features(fitted: Fitted, bars: NDArray[np.void], extra: Extra = _NOTHING_BESIDE) -> NDArray[np.float32]:
    """Return the features of all rows, float32 (rows, N, F): normalised, clipped, causal.

    `bars` are BAR records (rows, N) of the fitted symbols in their order, at prices adjusted for splits. Each
    instrument's features are computed over its own bars; a row without its bar carries those of the row before. They
    are NaN until the feature is defined, and never from `first_row` on. Beside the result, memory for some 20 columns
    of one instrument is used. Raises DataError, naming feature, symbol and time, where a feature is no finite number
    after its warm-up, and for an instrument with too few bars.
    """
    section = fitted.section
    _refuse_shapes(fitted.symbols, bars, extra)
    out = np.empty((*bars.shape, len(feature_names(section))), dtype=np.float32)
    for i, symbol in enumerate(fitted.symbols):
        garch = fitted.garch[i] if fitted.garch else None
        series = _series(section, symbol, i, bars, extra, garch)
        for f, (_, values) in enumerate(own_features(section, series)):
            lay_nb(out[:, i, f], series.present, values, fitted.centre[i][f], fitted.scale[i][f], section.clip)
    return out


def first_row(section: ObservationSection, symbols: Sequence[str], bars: NDArray[np.void]) -> int:
    """Return the first row at whose close there is a whole observation: every feature of every bar of its window.

    Raises DataError, naming the symbol, if there is none.
    """
    need = warm_up_bars(section)
    last = 0
    for i, symbol in enumerate(symbols):
        present = np.flatnonzero(bars["flags"][:, i] & BAR_PRESENT)
        _refuse_few(section, symbol, len(present))
        last = max(last, int(present[need]))
    row = last + section.window - 1
    if row >= len(bars):
        raise DataError(
            f"{len(bars)} rows are too few for a window of {section.window} bars: all features have a value from row "
            f"{last + 1} on; give more bars or a shorter observation.window"
        )
    return row


def lookback_bars(fitted: Fitted) -> int:
    """Return of how many last bars of each instrument the last observation is the same as of all its bars.

    For windows (returns, volatilities, Bollinger, z-score, volume) it is the same to the last bit or nearly so.
    Wilder's averages (RSI, ATR), MACD and GARCH never forget wholly: there the beginning counts for less than a
    millionth of a training standard deviation, as long as prices did not move by more than a thousand of these.
    """
    section = fitted.section
    kinds = [(KINDS[entry.kind], entry) for entry in section.features]
    return max(kind.warm_up(entry) + kind.memory(entry, fitted.garch) for kind, entry in kinds) + section.window


def _refuse_shapes(symbols: Sequence[str], bars: NDArray[np.void], extra: Extra) -> None:
    shapes = {"bars": bars.shape} | {name: values.shape for name, values in extra.items()}
    for what, shape in shapes.items():
        if shape != (len(bars), len(symbols)):
            raise ValueError(f"{what} have shape {shape}, bars of {len(symbols)} symbols ({len(bars)}, {len(symbols)})")


def _series(
    section: ObservationSection,
    symbol: str,
    i: int,
    bars: NDArray[np.void],
    extra: Extra,
    garch: Garch | None = None,
) -> Series:
    series = Series(symbol, bars[:, i], {name: values[:, i] for name, values in extra.items()}, garch)
    _refuse_few(section, symbol, len(series))
    return series


def _refuse_few(section: ObservationSection, symbol: str, bars: int) -> None:
    need = warm_up_bars(section)
    if bars <= need:
        slowest = max(section.features, key=lambda entry: KINDS[entry.kind].warm_up(entry))
        name = KINDS[slowest.kind].names_of(slowest)[0]
        raise DataError(
            f"{symbol}: {bars} bars are too few: feature {name} has its first value after {need}; give more bars or "
            f"shorten it"
        )


def _pooled(section: ObservationSection, own: Sequence[Series]) -> Iterator[tuple[str, Column]]:
    """Yield each feature by name with its values of all spans in one column, warm-ups left out."""
    need = warm_up_bars(section)
    for each in zip(*(own_features(section, series) for series in own), strict=True):
        yield each[0][0], np.concatenate([values[need:] for _, values in each])


def _cut(extra: Extra, rows: slice) -> Extra:
    return {name: values[rows] for name, values in extra.items()}
