"""What became of the agents of a population, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from rich.console import Console
from rich.table import Table

_COLUMNS: Final[tuple[tuple[str, Literal["left", "right"]], ...]] = (
    ("agent", "right"),
    ("steps", "right"),
    ("last", "right"),
    ("best", "right"),
    ("copied agent", "left"),
    ("values, first → last", "left"),
)

_SHOWN: Final = 3
"""Newest copies of an agent that are shown; all are in population.jsonl."""


def print_population(console: Console, agents: Sequence[Mapping[str, Any]]) -> None:
    """Print a row for each agent: its last and best score, whom it copied when, its values at first and at last."""
    table = Table(title="population: scores on the validation span", title_justify="left")
    for name, side in _COLUMNS:
        table.add_column(name, justify=side)
    for one in agents:
        copied = _lineage(one["lineage"])
        values = "\n".join(f"{name} {value:.3g} → {one['last'][name]:.3g}" for name, value in one["first"].items())
        table.add_row(
            str(one["member"]), f"{one['steps']:,}", _shown(one["score"]), _shown(one["best"]), copied, values
        )
    console.print(table)


def _lineage(copied: Sequence[Mapping[str, int]]) -> str:
    newest = [f"{each['from']} at step {each['steps']:,}" for each in copied[-_SHOWN:]]
    earlier = [f"… {len(copied) - _SHOWN} earlier"] if len(copied) > _SHOWN else []
    return "\n".join([*earlier, *newest]) or "–"


def _shown(score: float | None) -> str:
    return "–" if score is None else f"{score:.2f}"
