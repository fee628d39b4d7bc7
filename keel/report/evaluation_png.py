"""evaluation.png: profiles and baselines, drawdowns, and what the model asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from keel.report import evaluation
from keel.report.evaluation import Curve, EvaluationReport
from keel.report.evaluation_curves import thinned
from keel.report.png import BENCHMARK, INK, LINE, LOSS, MUTED, STRATEGY
from keel.report.search_png import png_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TINTS: Final = (STRATEGY, LOSS, BENCHMARK, "#7a5aa8", "#2f8f83", "#c2a31c", "#b0457b")


def render_evaluation_png(report: EvaluationReport) -> bytes:
    """Return a PNG of 1600 × 1000 pixels."""
    from matplotlib.figure import Figure

    tree = report.tree
    figure = Figure(figsize=(16, 10), dpi=100, facecolor="white", layout="constrained")
    panels = figure.subplots(2, 2)
    whole = {name: curves[0] for name, curves in report.curves.items() if len(curves) == 1}
    main = report.curves[tree["main"]][0]
    _draw(panels[0, 0], "Profiles, what became of 1", {name: _grown(one, one.equity) for name, one in whole.items()})
    beside = {"The model": main.equity} | {evaluation.BASELINES[key]: one for key, one in main.beside.items()}
    title = f"{tree['main']} beside its baselines"
    _draw(panels[0, 1], title, {name: _grown(main, equity) for name, equity in beside.items()})
    _draw(panels[1, 0], "Drawdowns", {name: _fallen(one) for name, one in whole.items()})
    _bars(panels[1, 1], tree["actions"])
    warned = "   IN-SAMPLE" if tree["in_sample"] else ""
    figure.suptitle(
        f"{report.name}{warned}", color=LOSS if warned else INK, size=18, x=0.02, ha="left", parse_math=False
    )
    return png_of(figure)


def _grown(curve: Curve, equity: Any) -> tuple[list[str], Any]:  # noqa: ANN401 - a column of marks
    stamps, values = thinned(curve.ts_ms, equity)
    return stamps, values / equity[0]


def _fallen(curve: Curve) -> tuple[list[str], Any]:
    return thinned(curve.ts_ms, curve.equity / np.maximum.accumulate(curve.equity) - 1.0)


def _draw(axes: Axes, title: str, lines: Mapping[str, tuple[list[str], Any]]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    for at, (name, (stamps, values)) in enumerate(lines.items()):
        moments = np.array(stamps, "datetime64[ms]")
        axes.plot(moments, values, color=_TINTS[at % len(_TINTS)], label=name, linewidth=1.3)
    if lines:
        axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.06), frameon=False, ncols=3, fontsize=10)
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    _dress(axes, title)


def _bars(axes: Axes, found: Mapping[str, Any]) -> None:
    places = np.arange(len(found["weights"]))
    width = 0.8 / max(1, len(found["shares"]))
    for at, (symbol, shares) in enumerate(found["shares"].items()):
        axes.bar(places + at * width, shares, width, color=_TINTS[at % len(_TINTS)], label=symbol)
    axes.set_xticks(places, [f"{weight:.2g}" for weight in found["weights"]], rotation=60 if len(places) > 8 else 0)
    axes.legend(loc="upper right", frameon=False, fontsize=9)
    _dress(axes, "Target weights, part of all bars")


def _dress(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", color=MUTED, fontsize=12)
    axes.grid(visible=True, axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, length=0)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
