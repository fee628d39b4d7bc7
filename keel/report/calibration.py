"""A calibration as a tree for JSON, as tables of the console and as a section of a config."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from keel.domain.timeframe import utc_text
from keel.sim.calibration.calibrate import Calibration
from keel.sim.calibration.estimate import Estimate, Floats

SIGNATURE: Final = "# Costs fitted by scripts/calibrate_costs.py"
"""First words of a file that this command wrote, and may write again."""
_DIGITS: Final = 4
_HOURS_A_DAY: Final = 24
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_QUANTILES: Final = ("p5", "p25", "p50", "p75", "p95")


@dataclass(frozen=True)
class Calibrated:
    """Hold a calibration with where its fills came from: `fills` is their table, `notes` what was assumed."""

    calibration: Calibration
    where: str
    fills: pl.DataFrame
    notes: Sequence[str]
    confidence: float

    @property
    def span(self) -> tuple[str, str]:
        """Return the first and the last fill's time."""
        stamps = self.fills["ts_ms"]
        return utc_text(int(stamps[0])), utc_text(int(stamps[-1]))

    @property
    def cluster(self) -> str:
        """Return what belongs together in the errors."""
        return "day" if self.calibration.laws.by_day else "order"


def calibration_tree(told: Calibrated) -> dict[str, Any]:
    """Return everything as JSON-able values; what was left out is not there, and `warnings` says why."""
    found = told.calibration
    return {
        "source": told.where,
        "fills": told.fills.height,
        "first": told.span[0],
        "last": told.span[1],
        "confidence": told.confidence,
        "clusters": told.cluster,
        "parameters": {name: _estimate_tree(each) for name, each in found.parameters.items()},
        "median_latency_ms": {name: _estimate_tree(each) for name, each in _medians(found).items()},
        "taken_as_given": {
            "impact.exponent": found.laws.exponent,
            "impact.half_life_bars": found.laws.half_life_bars,
        },
        "diagnostics": _diagnostics(found),
        "seasonality": {
            name: {"hours": each.hours, "kept": each.kept, "multipliers": _table(each.multipliers)}
            for name, each in found.hours.items()
        },
        "left_out": dict(found.slippages.left_out) if found.slippages is not None else {},
        "warnings": list(found.warnings),
        "notes": list(told.notes),
    }


def calibration_yaml(told: Calibrated) -> str:
    """Return a config file to extend: what was fitted, each value with its interval, and what was not, as comments."""
    found = told.calibration
    first, last = told.span
    lines = [
        f"{SIGNATURE} from {told.fills.height:,} fills of",
        f"# {told.where},",
        f"# {first} to {last}. Beside each value its {told.confidence:.0%} interval (clustered by {told.cluster}).",
        "# Put it after the file it corrects:  extends: [base/crypto.yaml, costs.yaml]",
        *(f"# note: {each}" for each in told.notes),
        *(f"# warning: {each}" for each in found.warnings),
    ]
    lines = [" ".join(line.split()) for line in lines]  # a file name with a line break would end its comment
    sections: dict[str, list[str]] = {}
    for name, each in found.parameters.items():
        section, _, key = name.partition(".")
        sections.setdefault(section, []).append(
            f"  {key}: {_number(each.value, each)}  # {_interval(each)}, {each.used:,} used"
        )
    if "impact" in sections:
        sections["impact"] += [
            f"  {key}: {value:g}  # not fitted: taken as given"
            for key, value in (("exponent", found.laws.exponent), ("half_life_bars", found.laws.half_life_bars))
        ]
    elif "spread" in sections:
        lines.append("# The half-spread holds what impact there was: with it, impact belongs to 0.")
        sections["impact"] = ["  coefficient: 0"]
    if found.hours:
        sections["seasonality"] = [
            line for name, each in found.hours.items() for line in _hours(name, each.multipliers)
        ]
    for section, rows in sections.items():
        lines += ["", f"{section}:", *rows]
    return "\n".join(lines) + "\n"


def print_calibration(told: Calibrated) -> None:
    """Print the table of parameters and what is to be known of it."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    found, console = told.calibration, Console(highlight=False)
    console.print(f"{told.fills.height:,} fills of {told.where}, {told.span[0]} to {told.span[1]}", soft_wrap=True)
    table = Table("parameter", box=SIMPLE_HEAD)
    for heading in ("value", "low", "high", "used"):
        table.add_column(heading, justify="right")
    medians = {f"median {name.removesuffix('_ms')} latency, ms": each for name, each in _medians(found).items()}
    for name, each in (found.parameters | medians).items():
        style = "dim" if name in medians else None
        table.add_row(
            name, *(_number(end, each) for end in (each.value, each.low, each.high)), f"{each.used:,}", style=style
        )
    console.print(table)
    console.print(f"{told.confidence:.0%} intervals, errors clustered by {told.cluster}", style="dim")
    for line in _told_fit(found):
        console.print(line, soft_wrap=True)
    for line in told.notes:
        console.print(f"note: {line}", style="dim", soft_wrap=True, markup=False)
    for line in found.warnings:
        console.print(f"warning: {line}", style="yellow", soft_wrap=True, markup=False)


def _told_fit(found: Calibration) -> list[str]:
    lines = []
    if found.slippage is not None:
        fit = found.slippage
        ends = f"{fit.residual_bps[0]:+.2f} to {fit.residual_bps[-1]:+.2f}"
        lines.append(
            f"slippage: R² {fit.r_squared:.3f}, nine residuals of ten {ends} bps, {fit.outliers} outliers pulled in"
        )
    if found.slippages is not None and found.slippages.left_out:
        left = ", ".join(f"{n:,} {what}" for what, n in found.slippages.left_out.items())
        lines.append(f"no part of the slippage fit: {left}")
    if found.latency is not None:
        lines.append(f"latency: recorded and fitted distribution are at most {found.latency.misfit:.1%} apart")
    for name, each in found.hours.items():
        lines.append(f"seasonality.{name}: {each.hours} hours told, {each.kept:.0%} of their differences kept")
    return lines


def _medians(found: Calibration) -> Mapping[str, Estimate]:
    return {} if found.latency is None else found.latency.median_ms


def _diagnostics(found: Calibration) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    if found.slippage is not None:
        residuals = dict(zip(_QUANTILES, map(float, found.slippage.residual_bps), strict=True))
        tree["slippage"] = {
            "r_squared": found.slippage.r_squared,
            "residual_bps": residuals,
            "outliers": found.slippage.outliers,
        }
    if found.latency is not None:
        tree["latency"] = {"largest_distance": found.latency.misfit}
    return tree


def _estimate_tree(each: Estimate) -> dict[str, float]:
    return {"value": each.value, "low": each.low, "high": each.high, "used": each.used}


def _interval(each: Estimate) -> str:
    return f"{_number(each.low, each)} to {_number(each.high, each)}"


def _number(value: float, of: Estimate) -> str:
    """Write a number to two digits of its interval's width, at least to four of its own, never as a power of ten."""
    sizes = [size for size in (abs(of.value) / 10 ** (_DIGITS - 2), of.high - of.low) if size > 0]
    places = max(1 - math.floor(math.log10(min(sizes))), 0) if sizes else 0
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _table(multipliers: Floats) -> list[float]:
    """Return multipliers with four places whose mean is 1 to the last of the config's digits."""
    rounded = [round(float(each), _DIGITS) for each in multipliers]
    short = len(rounded) - math.fsum(rounded)
    rounded[-1] = round(rounded[-1] + short, 6)
    return rounded


def _hours(name: str, multipliers: Floats) -> list[str]:
    rows = [f"  {name}: ["]
    table = _table(multipliers)
    for day, start in zip(_DAYS, range(0, len(table), _HOURS_A_DAY), strict=True):
        rows.append("    " + ", ".join(f"{each:g}" for each in table[start : start + _HOURS_A_DAY]) + f",  # {day}")
    return [*rows, "  ]"]
