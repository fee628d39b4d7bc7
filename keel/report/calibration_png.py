"""A picture of a calibration: slippage against participation, and the law through it."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from keel.domain.errors import UsageError
from keel.report.calibration import Calibrated
from keel.report.png import INK, LINE, LOSS, MUTED, STRATEGY
from keel.sim.calibration.samples import Slippages
from keel.sim.calibration.slippage import SlippageFit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GROUPS: Final = 10
_SHOWN: Final = (0.005, 0.995)
"""Quantiles of the slippage between which the picture shows it."""


def calibration_png(told: Calibrated) -> bytes:
    """Return a PNG of 1400 × 800 pixels. Raises UsageError where there is no slippage with participation to draw."""
    from matplotlib.figure import Figure

    found = told.calibration
    sampled, fit = found.slippages, found.slippage
    if sampled is None or fit is None or not (np.isfinite(sampled.participation) & (sampled.participation > 0)).any():
        raise UsageError("--plot: no fill has both a reference price and its bar's volume: there is nothing to draw")
    figure = Figure(figsize=(14, 8), dpi=100, facecolor="white")
    axes = figure.subplots()
    figure.subplots_adjust(left=0.07, right=0.975, top=0.87, bottom=0.1)
    common: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False}
    figure.text(0.07, 0.965, "Slippage against participation", size=18, weight="bold", color=INK, **common)
    figure.text(0.07, 0.915, f"{told.where}   ·   {told.span[0]} to {told.span[1]}", size=11, color=MUTED, **common)
    _draw(axes, sampled, fit)
    target = io.BytesIO()
    with warnings.catch_warnings():
        # A name in letters the bundled font lacks is drawn as boxes, which is no reason to fail or to print.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(target, format="png", dpi=100)
    return target.getvalue()


def _draw(axes: Axes, sampled: Slippages, fit: SlippageFit) -> None:
    from matplotlib.ticker import FuncFormatter

    sample, share = sampled.sample, sampled.participation
    known = np.isfinite(share) & (share > 0)
    share, paid = share[known], (sample.paid_bps - sample.tick_bps / 2)[known]
    law = fit.half_spread_bps.value * sample.spread_shape[known]
    if fit.impact is not None:
        law = law + np.nan_to_num(fit.impact.value * sample.impact_shape_bps[known])
    axes.plot(share, paid, ".", color=STRATEGY, alpha=0.25, markersize=5, label="a fill")
    groups = [each for each in np.array_split(np.argsort(share), min(_GROUPS, len(share))) if len(each)]
    middle = [float(np.median(share[each])) for each in groups]
    axes.plot(
        middle, [float(paid[each].mean()) for each in groups], "o", color=INK, markersize=8, label="mean of a tenth"
    )
    axes.plot(
        middle, [float(law[each].mean()) for each in groups], color=LOSS, linewidth=2, label="the fitted law there"
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda part, _: f"{100 * part:g}%"))
    low, high = (float(each) for each in np.quantile(paid, _SHOWN))
    axes.set_ylim(min(low, 0.0) - 0.05 * (high - low) - 0.1, high + 0.05 * (high - low) + 0.1)
    axes.set_xlabel("part of the bar's volume", color=MUTED)
    axes.set_ylabel("paid above the reference, bps, half a tick off", color=MUTED)
    axes.grid(visible=True, axis="y", color=LINE, linewidth=0.8)
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=MUTED, length=0, labelsize=11)
    axes.legend(loc="upper left", frameon=False, fontsize=12)
