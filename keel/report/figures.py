"""The figures of a run by name: how each is written and what it says, in words a newcomer knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from keel.report import text


@dataclass(frozen=True, slots=True)
class Figure:
    """Name one figure of a curve: its key in the summary, how it is written, what it says; `brief` = in the console."""

    name: str
    key: str
    write: Callable[[Any], str]
    words: str
    brief: bool = False


CURVE_FIGURES: Final[dict[str, tuple[Figure, ...]]] = {
    "What came out": (
        Figure("Total return", "total_return", text.gain, "Growth from the first mark to the last.", brief=True),
        Figure("Annual growth (CAGR)", "cagr", text.gain, "The steady growth a year with the same end.", brief=True),
        Figure("Final equity", "end_equity", text.money, "Cash plus positions at their last prices.", brief=True),
    ),
    "How it fell": (
        Figure("Max drawdown", "max_drawdown", text.percent, "Deepest fall from a peak, at any bar.", brief=True),
        Figure("Its length", "max_drawdown_days", text.days, "From that peak until equity was back.", brief=True),
        Figure("Longest drawdown", "longest_drawdown_days", text.days, "Longest wait for a new peak.", brief=True),
        Figure("Time under water", "time_under_water", text.percent, "Part of the run below an earlier peak."),
        Figure("Ulcer index", "ulcer_index", text.percent, "Depth and length of all falls in one number."),
    ),
    "How it scattered": (
        Figure("Annual volatility", "annual_volatility", text.percent, "Scatter of daily returns, a year.", brief=True),
        Figure("Value at risk", "value_at_risk", text.percent, "One day in twenty was worse.", brief=True),
        Figure("Expected shortfall", "expected_shortfall", text.percent, "Mean of the worst twentieth of days."),
        Figure("Tail ratio", "tail_ratio", text.ratio, "Very good days over very bad ones; 1 is even."),
        Figure("Skewness", "skewness", text.ratio, "Below 0, losses are the larger moves."),
        Figure("Kurtosis", "kurtosis", text.ratio, "Above 0, extreme days are frequent."),
    ),
    "Return for risk": (
        Figure("Sharpe ratio", "sharpe", text.ratio, "Return for each unit of scatter, a year.", brief=True),
        Figure(
            "Probabilistic Sharpe ratio",
            "probabilistic_sharpe",
            text.percent,
            "Chance that the true Sharpe ratio is above 0: short and wild runs prove little.",
        ),
        Figure("Sortino ratio", "sortino", text.ratio, "As Sharpe, only losses counted as risk.", brief=True),
        Figure("Calmar ratio", "calmar", text.ratio, "Annual growth over max drawdown.", brief=True),
    ),
    "How much was at work": (
        Figure("Exposure", "exposure", text.percent, "Mean value of positions over equity.", brief=True),
        Figure("Time in market", "time_in_market", text.percent, "Part of the run with a position.", brief=True),
        Figure("Turnover a year", "turnover", text.times, "Value traded over mean equity.", brief=True),
    ),
}
"""Figures of strategy and benchmark under their headings."""

RELATIVE_FIGURES: Final[tuple[Figure, ...]] = (
    Figure("Beta", "beta", text.ratio, "Move of the strategy when buy and hold moves by 1."),
    Figure("Alpha a year", "alpha", text.gain, "Return that beta does not explain."),
    Figure("Correlation", "correlation", text.ratio, "1 in step with buy and hold, 0 unrelated."),
    Figure("Information ratio", "information_ratio", text.ratio, "Return above buy and hold over its scatter."),
    Figure("Tracking error", "tracking_error", text.percent, "Scatter of the difference, a year."),
    Figure("Up capture", "up_capture", text.percent, "Part taken of buy and hold's good days."),
    Figure("Down capture", "down_capture", text.percent, "Part taken of its bad days."),
)
"""Figures of the strategy beside the benchmark."""
