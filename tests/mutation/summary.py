"""What a campaign prints: a bar while it runs, then a table by file and the faults that survived."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from .campaign import KILLED, SURVIVED, TIMEOUT, Verdict
from .ledger import Key

EQUIVALENT = "equivalent"
COLUMNS = (KILLED, TIMEOUT, SURVIVED, EQUIVALENT)


@contextmanager
def progress(title: str, total: int | None, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """Show a bar; the function that is given moves it a step on."""
    columns = (SpinnerColumn(), TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)


class Summary:
    """Hold the verdicts with what is known to be harmless."""

    def __init__(self, verdicts: list[Verdict], harmless: dict[Key, str], gone: list[str]) -> None:
        self.verdicts = sorted(verdicts, key=lambda each: (each.fault.file, each.fault.line, each.fault.column))
        self.harmless = harmless
        self.gone = gone
        self.survivors = [each for each in self.verdicts if self._kind(each) == SURVIVED]
        self.wrong = [each for each in self.verdicts if each.fault.key in harmless and each.result != SURVIVED]

    def _kind(self, verdict: Verdict) -> str:
        return EQUIVALENT if verdict.result == SURVIVED and verdict.fault.key in self.harmless else verdict.result

    def by_file(self) -> dict[str, Counter[str]]:
        """Return how many faults of each file came to which end."""
        files: dict[str, Counter[str]] = {}
        for verdict in self.verdicts:
            files.setdefault(verdict.fault.file, Counter())[self._kind(verdict)] += 1
        return files

    @property
    def exit_code(self) -> int:
        return 1 if self.survivors or self.wrong else 0


def show_tables(summary: Summary) -> None:
    """Print the table by file, then what is left to explain."""
    console = Console(soft_wrap=True)
    table = Table("file", *(f"[right]{name}" for name in ("faults", *COLUMNS)), box=None)
    total: Counter[str] = Counter()
    for file, kinds in summary.by_file().items():
        total += kinds
        table.add_row(file, str(kinds.total()), *(str(kinds[name]) for name in COLUMNS))
    table.add_row("all", str(total.total()), *(str(total[name]) for name in COLUMNS))
    console.print(table)
    for title, names in (
        ("Survived, and not known to be harmless:", [each.fault.name for each in summary.survivors]),
        ("Listed as harmless, but found:", [f"{each.fault.name} (by {each.by})" for each in summary.wrong]),
        ("Listed as harmless, but there is no such fault any more:", summary.gone),
    ):
        if names:
            console.print("", title, *names, sep="\n", markup=False, highlight=False)


def show_json(summary: Summary) -> None:
    """Print one JSON object."""
    print(
        json.dumps(
            {
                "files": {file: dict(kinds) for file, kinds in summary.by_file().items()},
                "survivors": [each.fault.name for each in summary.survivors],
                "wrongly_listed": [each.fault.name for each in summary.wrong],
                "no_such_fault": summary.gone,
            }
        )
    )
