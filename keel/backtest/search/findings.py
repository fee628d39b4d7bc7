"""What a search does not say by its best figure: how many were tried, whether the best stands alone or on an edge."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

from keel.backtest.search.space import Parameter, as_number
from keel.backtest.search.study import Tried
from keel.metrics.deflated import expected_maximum_sharpe
from keel.runs.ledger import TrialCount

_FEW_TRADES: Final = 30
"""Closed trades below which a figure is mostly chance: the textbook size of a small sample."""
_LONELY: Final = 0.5
"""Part of the best score that the median of its neighbours must reach, or the best is a lonely peak."""


def expected_best_sharpe(trials: int, years: float) -> float:
    """Return the Sharpe ratio (a year) to expect of the best of `trials` independent strategies without any skill.

    An estimate of a Sharpe ratio of zero has the variance 1 / years (Lo, Financial Analysts Journal 58(4), 2002).
    """
    return expected_maximum_sharpe(trials, 1.0 / years) if trials >= 1 and years > 0 else 0.0


def warnings_of(
    best: Tried, trials: Sequence[Tried], space: Sequence[Parameter], metric: str, count: TrialCount
) -> list[str]:
    """Return what to keep in mind about the best of these trials, a line each; `count` is what the ledger knows."""
    lines = [_chance(best, metric, count)]
    lines += [_edge(best, parameter) for parameter in space if _is_on_edge(best, parameter)]
    lines += _lonely(best, trials, space, metric)
    trades = best.figures.get("trades") or 0.0
    if trades < _FEW_TRADES:
        lines.append(f"the best rests on {trades:.0f} closed trades: fewer than {_FEW_TRADES} say little")
    if best.status != "done":
        lines.append(f"the best run ended {best.status}")
    return lines


def neighbours(best: Tried, trials: Sequence[Tried], space: Sequence[Parameter]) -> list[Tried]:
    """Return the trials one step beside the best in one parameter, all others equal; none off a grid."""
    found = []
    for parameter in space:
        if not parameter.is_ordered():
            continue
        at = parameter.values.index(best.values[parameter.key])
        beside = {parameter.values[i] for i in (at - 1, at + 1) if 0 <= i < len(parameter.values)}
        found += [one for one in trials if one.values == best.values | {parameter.key: one.values[parameter.key]}
                  and one.values[parameter.key] in beside]  # fmt: skip
    return found


def _chance(best: Tried, metric: str, count: TrialCount) -> str:
    tried = f"{count.different} different trials have been made on these bars so far"
    year, days = best.figures.get("periods_per_year"), best.figures.get("trading_days")
    if metric != "sharpe" or not year or not days:
        return f"{tried}: the best of many looks good by chance alone; test it on bars that no trial has seen"
    years = days / year
    expected = expected_best_sharpe(count.different, years)
    return (
        f"{tried}: the best of as many strategies without skill would show a Sharpe ratio of about {expected:.2f} "
        f"over {years:.1f} years"
    )


def _is_on_edge(best: Tried, parameter: Parameter) -> bool:
    if parameter.is_ordered() and len(parameter.values) > 2:
        return best.values[parameter.key] in (parameter.values[0], parameter.values[-1])
    if parameter.span is None:
        return False
    value, span = as_number(best.values[parameter.key]), parameter.span
    return value is not None and min(value - span.low, span.high - value) <= 0.01 * (span.high - span.low)


def _edge(best: Tried, parameter: Parameter) -> str:
    return (
        f"{parameter.key} = {best.values[parameter.key]} lies on the edge of what was searched: a better value may lie "
        "beyond"
    )


def _lonely(best: Tried, trials: Sequence[Tried], space: Sequence[Parameter], metric: str) -> list[str]:
    top = best.score(metric)
    scores = [score for one in neighbours(best, trials, space) if (score := one.score(metric)) is not None]
    if top is None or top <= 0.0 or not scores:
        return []
    middle = median(scores)
    if middle >= _LONELY * top:
        return []
    return [
        f"the best stands alone: the median of its {len(scores)} neighbours is {middle:.2f} against {top:.2f}; a small "
        "change of a parameter loses most of it"
    ]
