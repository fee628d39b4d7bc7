"""All parameters of costs and latency that recorded fills can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import numpy as np
import polars as pl

from keel.domain.layout import HOURS_PER_WEEK
from keel.sim.calibration.estimate import Estimate, Floats, has_enough_days
from keel.sim.calibration.hours import FEWEST_AN_HOUR, FEWEST_HOURS, HourTable, shrunk_hours
from keel.sim.calibration.latency import LatencyFit, fit_latency
from keel.sim.calibration.latency_law import Delays
from keel.sim.calibration.market import Surroundings, Whole
from keel.sim.calibration.samples import Laws, Slippages, entry_delays, response_delays, slippages
from keel.sim.calibration.slippage import SlippageFit, fit_slippage

Around = Callable[[pl.DataFrame, str], Surroundings]
"""Give the surroundings of a table's rows at the moments in one of its columns."""
_Fit = TypeVar("_Fit")
_MOST_SPREAD_BPS: Final = 100.0
_MOST_COEFFICIENT: Final = 10.0


@dataclass(frozen=True)
class Recording:
    """Hold what was recorded: tables of fills and of orders, both with `symbol` and `order`, in time order.

    `fills` is a `RecordedFills` table; `orders` has `submitted_ts_ms` and `accepted_ts_ms`. `ticks` is each symbol's.
    """

    fills: pl.DataFrame
    orders: pl.DataFrame
    ticks: Mapping[str | None, float]
    around: Around


@dataclass(frozen=True)
class Calibration:
    """Hold what was fitted; a fit that is None was left out, and `warnings` says why."""

    laws: Laws
    slippages: Slippages | None = None
    slippage: SlippageFit | None = None
    latency: LatencyFit | None = None
    hours: Mapping[str, HourTable] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, Estimate]:
        """Return the estimates by their keys in the config."""
        found = {}
        if self.slippage is not None:
            found["spread.half_spread_bps"] = self.slippage.half_spread_bps
            if self.slippage.impact is not None:
                found["impact.coefficient"] = self.slippage.impact
        if self.latency is not None:
            found |= {f"latency.{name}": each for name, each in self.latency.parameters.items()}
        return found


def calibrate(recording: Recording, laws: Laws, confidence: float, *, seasonality: bool) -> Calibration:
    """Fit every parameter the recording can tell; with `seasonality` hour-of-week tables, too.

    Tables are fitted first, on top of those of `laws`, and the parameters then with them, so a table's own error is not
    in their intervals.
    """
    laws = replace(laws, by_day=has_enough_days(recording.fills["ts_ms"].to_numpy()))
    hours: dict[str, HourTable] = {}
    warnings: list[str] = []
    if seasonality:
        laws = _with_hours(recording, laws, confidence, hours, warnings)
    sampled = _slippages(recording, laws)
    slippage = _tried(lambda: fit_slippage(sampled.sample, confidence), "spread and impact", warnings)
    latency = _tried(lambda: fit_latency(*_delays(recording, laws), confidence), "latency", warnings)
    if slippage is not None:
        slippage = _within_the_config(slippage, warnings)
        warnings += slippage.warnings
    if latency is not None:
        warnings += latency.warnings
    return Calibration(laws, sampled, slippage, latency, hours, tuple(warnings))


def _slippages(recording: Recording, laws: Laws) -> Slippages:
    return slippages(recording.fills, recording.around(recording.fills, "ts_ms"), recording.ticks, laws)


def _delays(recording: Recording, laws: Laws) -> tuple[Delays | None, Delays | None]:
    entry = entry_delays(recording.orders, recording.around(recording.orders, "submitted_ts_ms"), laws)
    return entry, response_delays(recording.fills, recording.around(recording.fills, "ts_ms"), laws)


def _tried(fit: Callable[[], _Fit], what: str, warnings: list[str]) -> _Fit | None:
    try:
        return fit()
    except ValueError as error:
        warnings.append(f"{what}: left out: {error}")
        return None


def _within_the_config(fit: SlippageFit, warnings: list[str]) -> SlippageFit:
    spread, impact = fit.half_spread_bps, fit.impact
    if spread.value > _MOST_SPREAD_BPS:
        warnings.append(f"spread: {spread.value:.4g} bps is more than the config takes: cut to {_MOST_SPREAD_BPS:g}")
    if impact is not None and impact.value > _MOST_COEFFICIENT:
        warnings.append(f"impact: {impact.value:.4g} is more than the config takes: cut to {_MOST_COEFFICIENT:g}")
    return replace(
        fit,
        half_spread_bps=spread.clipped(0.0, _MOST_SPREAD_BPS),
        impact=None if impact is None else impact.clipped(0.0, _MOST_COEFFICIENT),
    )


def _with_hours(
    recording: Recording, laws: Laws, confidence: float, hours: dict[str, HourTable], warnings: list[str]
) -> Laws:
    """Return the laws with the tables that could be fitted, which go to `hours`."""
    found = _spread_hours(recording, laws, confidence)
    if _kept(found, "spread", hours, warnings):
        laws = replace(laws, spread_by_hour=hours["spread"].multipliers)
    found = _latency_hours(recording, laws)
    if _kept(found, "latency", hours, warnings):
        laws = replace(laws, latency_by_hour=hours["latency"].multipliers)
    return laws


def _kept(found: HourTable | None, name: str, hours: dict[str, HourTable], warnings: list[str]) -> bool:
    if found is None:
        warnings.append(
            f"seasonality.{name}: left out: it needs {FEWEST_HOURS} hours of the week with {FEWEST_AN_HOUR} "
            "observations each"
        )
        return False
    hours[name] = found
    empty = HOURS_PER_WEEK - found.hours
    if empty:
        warnings.append(
            f"seasonality.{name}: {empty} of {HOURS_PER_WEEK} hours of the week have fewer than {FEWEST_AN_HOUR} "
            "observations: their multiplier is the average's"
        )
    return True


def _spread_hours(recording: Recording, laws: Laws, confidence: float) -> HourTable | None:
    sampled = _slippages(recording, laws)
    fit = _tried(lambda: fit_slippage(sampled.sample, confidence), "", [])
    if fit is None:
        return None
    sample = sampled.sample
    paid = sample.paid_bps - sample.tick_bps / 2
    if fit.impact is not None:
        paid = paid - fit.impact.value * sample.impact_shape_bps
    known = np.isfinite(paid)
    return _on_top_of(laws.spread_by_hour, sampled.hour[known], paid[known], sample.spread_shape[known])


def _latency_hours(recording: Recording, laws: Laws) -> HourTable | None:
    legs = [each for each in _delays(recording, laws) if each is not None]
    if not legs:
        return None
    # each way in units of its own median, so that both tell of the hours alike
    values = np.concatenate([each.ms / np.median(each.ms / each.factor) for each in legs])
    hour, shape = (np.concatenate([getattr(each, name) for each in legs]) for name in ("hour", "factor"))
    return _on_top_of(laws.latency_by_hour, hour, values, shape)


def _on_top_of(before: Floats, hour: Whole, value: Floats, shape: Floats) -> HourTable | None:
    found = shrunk_hours(hour, value, shape)
    if found is None:
        return None
    product = before * found.multipliers
    return replace(found, multipliers=product / product.mean())
