"""All parameters of costs and latency that recorded fills can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import numpy as np
import polars as pl

from keel.domain.layout import HOURS_PER_WEEK
from keel.sim.calibration.estimate import Estimate, Floats, has_enough_days
from keel.sim.calibration.hours import FEWEST_AN_HOUR, FEWEST_HOURS, HourTable, shrunk_hours, without_impact
from keel.sim.calibration.latency import LatencyFit, fit_latency
from keel.sim.calibration.latency_law import Delays
from keel.sim.calibration.market import Surroundings
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
        laws = _with_hours(recording, laws, hours, warnings)
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


def _with_hours(recording: Recording, laws: Laws, hours: dict[str, HourTable], warnings: list[str]) -> Laws:
    """Return the laws with the tables that could be fitted, which go to `hours`."""
    found = _spread_hours(recording, laws)
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


def _spread_hours(recording: Recording, laws: Laws) -> HourTable | None:
    sampled = _slippages(recording, laws)
    sample, hour = sampled.sample, sampled.hour
    paid = sample.paid_bps - sample.tick_bps / 2
    known = np.isfinite(sample.impact_shape_bps)
    if known.any():
        hour, paid, shape = hour[known], paid[known], sample.spread_shape[known]
        paid = without_impact(hour, paid, shape, sample.impact_shape_bps[known])
    else:
        shape = sample.spread_shape
    return _on_top_of(laws.spread_by_hour, shrunk_hours(hour, paid, shape)) if len(hour) else None


def _latency_hours(recording: Recording, laws: Laws) -> HourTable | None:
    legs = [each for each in _delays(recording, laws) if each is not None]
    if not legs:
        return None
    hour = np.concatenate([each.hour for each in legs])
    found: HourTable | None = None
    multipliers = np.ones(HOURS_PER_WEEK)
    for _ in range(2):
        # each way in units of its own scatter around its hour's, known after the first pass: the steadier tells more
        ratios = [each.ms / (each.factor * multipliers[each.hour]) for each in legs]
        scatters = [max(float(np.median(np.abs(each / np.median(each) - 1.0))), 1e-3) for each in ratios]
        values = [
            each.ms / np.median(ratio) / scatter for each, ratio, scatter in zip(legs, ratios, scatters, strict=True)
        ]
        shapes = [each.factor / scatter for each, scatter in zip(legs, scatters, strict=True)]
        found = shrunk_hours(hour, np.concatenate(values), np.concatenate(shapes))
        if found is None:
            return None
        multipliers = found.multipliers
    return _on_top_of(laws.latency_by_hour, found)


def _on_top_of(before: Floats, found: HourTable | None) -> HourTable | None:
    if found is None:
        return None
    product = before * found.multipliers
    return replace(found, multipliers=product / product.mean())
