"""What became of the agents of a population, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def print_population(console: Console, agents: Sequence[Mapping[str, Any]]) -> None:
    """Print a row for each agent: its last and best score, whom it copied when, its values at first and at last."""
    table = Table(title="population: validation score, whom an agent copied, values first → last", title_justify="left")
    names = list(agents[0]["first"])
    for name in ("agent", "steps", "last", "best", "copied (at step)", *names):
        table.add_column(name, justify="left" if name.startswith("copied") else "right")
    for one in agents:
        copied = ", ".join(f"{each['from']} ({each['steps']:,})" for each in one["lineage"])
        values = [f"{one['first'][name]:.3g} → {one['last'][name]:.3g}" for name in names]
        table.add_row(
            str(one["member"]), f"{one['steps']:,}", _shown(one["score"]), _shown(one["best"]), copied or "–", *values
        )
    console.print(table)


def _shown(score: float | None) -> str:
    return "–" if score is None else f"{score:.2f}"
