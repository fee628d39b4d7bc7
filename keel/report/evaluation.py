"""An evaluation as its report, its picture and the console show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keel.report import text

Row = tuple[str, ...]
Tree = Mapping[str, Any]

BASELINES: Final = {
    "buy_and_hold": "Buy and hold",
    "moving_average": "Moving-average crossover",
    "random": "Random, same turnover (median)",
    "flat": "Flat",
}
PROFILE_HEAD: Final = (
    "Profile", "Return", "CAGR", "Sharpe", "Max drawdown", "Exposure", "Turnover a year", "Costs", "Trades",
    "Buy and hold", "Random beaten", "How it ended",
)  # fmt: skip
BASELINE_HEAD: Final = ("On the same bars", "Return", "CAGR", "Sharpe", "Max drawdown", "Exposure", "Turnover a year")
STATISTIC_HEAD: Final = (
    "Profile", "Sharpe", "95% interval", "Return a year", "95% interval", "Over buy and hold", "95% interval",
    "True Sharpe above 0", "above luck",
)  # fmt: skip
_SUPPORT: Final = {"supported": "supported", "unsupported": "not supported", "unknown": "unknown"}


@dataclass(frozen=True)
class Curve:
    """Hold one part's equity: times of its marks, UTC epoch ms, and its own and each baseline's equity at them."""

    name: str
    ts_ms: NDArray[Any]
    equity: NDArray[Any]
    beside: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class EvaluationReport:
    """Hold all that a report of an evaluation shows: `tree` is evaluation.json, `learning` what training noted."""

    name: str
    tree: Tree
    curves: Mapping[str, Sequence[Curve]]
    learning: Sequence[Tree]
    config_yaml: str
    manifest: Tree


def profile_rows(tree: Tree) -> list[Row]:
    """Return a row for each part of each profile."""
    return [
        (
            name if len(profile["parts"]) == 1 else f"{name} {part['name']} ({part['start'][:10]})",
            *_head(part["figures"]),
            text.percent(part["figures"]["cost_share"]),
            text.count(part["figures"]["trades"]),
            text.gain(part["baselines"]["buy_and_hold"]["total_return"]),
            f"{part['baselines']['random']['beaten']} of {part['baselines']['random']['traders']}",
            text.label(part["status"]),
        )
        for name, profile in tree["profiles"].items()
        for part in profile["parts"]
    ]


def baseline_rows(part: Tree, name: str) -> list[Row]:
    """Return the model under a profile of this name, and each baseline, of one part."""
    own = [(f"The model, {name}", *_head(part["figures"]))]
    return own + [(shown, *_head(part["baselines"][key])) for key, shown in BASELINES.items()]


def statistic_rows(tree: Tree) -> list[Row]:
    """Return the intervals and probabilities of each profile."""
    rows: list[Row] = []
    for name, profile in tree["profiles"].items():
        found = profile["statistics"]
        rows.append(
            (
                name,
                text.ratio(found["sharpe"]["estimate"]),
                _between(found["sharpe"], text.ratio),
                text.gain(found["annual_return"]["estimate"]),
                _between(found["annual_return"], text.gain),
                text.gain(found["over_holding"]["annual_return"]["estimate"]),
                _between(found["over_holding"]["annual_return"], text.gain),
                text.percent(found["probabilistic_sharpe"], 1),
                text.percent(found["deflated_sharpe"], 1),
            )
        )
    return rows


def verdict_rows(statements: Sequence[Tree]) -> list[Row]:
    """Return (claim, whether it is supported, the reason) of each statement."""
    return [(one["claim"], _SUPPORT[one["support"]], one["reason"]) for one in statements]


def warnings_of(tree: Tree) -> list[str]:
    """Return what must be read before any figure; empty where there is nothing."""
    seen = "; ".join(tree["in_sample"])
    return [f"IN-SAMPLE: {seen}. Figures of bars a model has seen say nothing about bars it has not."] if seen else []


def choice_line(tree: Tree) -> str:
    """Return what picking the profile that did best is worth; empty where it cannot be told."""
    found = tree["choice_between_profiles"]
    if found is None:
        return ""
    return (
        f"Picking among {', '.join(found['profiles'])} by how they did would have picked one no better than the median "
        f"afterwards in {text.percent(found['probability_of_overfitting'], 0)} of {text.count(found['splits'])} splits "
        "(probability of backtest overfitting, CSCV; picking blindly has 50%)."
    )


def headline_of(tree: Tree) -> str:
    """Return the verdict on the main profile in one sentence."""
    return str(tree["profiles"][tree["main"]]["statistics"]["verdict"]["headline"])


def subject_line(tree: Tree) -> str:
    """Return which model was played on what."""
    model, period = tree["model"], tree["period"]
    return (
        f"{model['path']} ({model['algorithm']}, {text.count(model['steps'])} steps)  ·  "
        f"{', '.join(period['symbols'])} {period['timeframe']}  ·  {period['start']} to {period['end']}, "
        f"{text.count(period['bars'])} bars"
    )


def print_evaluation(console: Console, name: str, tree: Tree, folder: str) -> None:
    """Print the profiles side by side, the baselines, and the verdict."""
    console.print(Text(name, style="bold"))
    console.print(Text(subject_line(tree), style="dim"), soft_wrap=True)
    for line in warnings_of(tree):
        console.print(Text(line, style="bold red"))
    main = tree["profiles"][tree["main"]]
    console.print(_table(PROFILE_HEAD, profile_rows(tree)))
    console.print(_table(BASELINE_HEAD, baseline_rows(main["parts"][0], tree["main"])))
    console.print(_table(STATISTIC_HEAD, statistic_rows(tree)))
    console.print(Text.assemble(("Verdict  ", "bold"), headline_of(tree)), soft_wrap=True)
    for claim, support, reason in verdict_rows(main["statistics"]["verdict"]["statements"]):
        style = {"supported": "green", "not supported": "yellow"}.get(support, "dim")
        console.print(Text.assemble(f"  {claim}: ", (support, style), f" ({reason})"), soft_wrap=True)
    if choice_line(tree):
        console.print(Text(choice_line(tree)), soft_wrap=True)
    console.print(Text.assemble(("Report  ", "dim"), f"{folder}/report.html"), soft_wrap=True)


def _head(figures: Tree) -> Row:
    return (
        text.gain(figures["total_return"]),
        text.gain(figures["cagr"]),
        text.ratio(figures["sharpe"]),
        text.percent(figures["max_drawdown"]),
        text.percent(figures["exposure"], 0),
        text.times(figures["turnover"]),
    )


def _between(found: Tree, write: Any) -> str:  # noqa: ANN401 - a way of writing a number
    return text.MISSING if found["low"] is None else f"{write(found['low'])} to {write(found['high'])}"


def _table(head: Row, body: Sequence[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for at, name in enumerate(head):
        table.add_column(Text(name), justify="left" if at == 0 else "right", overflow="fold")
    for row in body:
        table.add_row(*(Text(cell) for cell in row))
    return table
