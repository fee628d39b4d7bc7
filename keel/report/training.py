"""How a training run ended, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from keel.report.population import print_population

_FIGURES: Final = (
    ("return", "return", "{:+.1%}"),
    ("sharpe", "Sharpe ratio", "{:.2f}"),
    ("calmar", "Calmar ratio", "{:.2f}"),
    ("max_drawdown", "largest drawdown", "{:.1%}"),
    ("turnover", "turnover, times equity", "{:,.1f}"),
    ("cost_share", "costs, part of the starting equity", "{:.2%}"),
    ("trades", "positions opened", "{:,.0f}"),
)


def print_training(console: Console, told: Mapping[str, Any]) -> None:
    """Print a summary of what `keel.app.training.Trained.as_json` returned."""
    seconds = max(float(told["seconds"]), 1e-9)
    console.print(
        f"[bold]{told['status']}[/bold]: {told['steps']:,} steps, {_length(seconds)}", highlight=False, soft_wrap=True
    )
    if told["best"]:
        table = Table(title="validation span, deterministic policy", title_justify="left")
        table.add_column("figure")
        table.add_column("best model", justify="right")
        table.add_column("last model", justify="right")
        for key, name, form in _FIGURES:
            table.add_row(name, *(_shown(told[which].get(key), form) for which in ("best", "last")))
        console.print(table)
    if told["population"]:
        print_population(console, told["population"])
    rows = [("models", told["folder"]), ("curves", f"tensorboard --logdir {told['tensorboard']}")]
    if told["weights_hash"]:
        same = (
            ""
            if told["population"]
            else " (on the CPU with as many threads, the same config, bars and seed give the same)"
        )
        rows.append(("weights", f"{told['weights_hash'][:16]}{same}"))
        rows.append(("next", "python script_eval.py --config configs/config_eval.yaml --all-profiles"))
    for name, value in rows:
        console.print(f"{name:<8}{value}", highlight=False, markup=False, soft_wrap=True)


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
