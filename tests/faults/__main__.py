"""Play every row of the fault table and print what was seen; `--figures` prints JSON lines of figures instead."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from .table import MEANINGLESS, ROWS, VENUES

FOLDER = Path(__file__).parent
Place = tuple[int, str]
"""A row and a venue."""


@dataclass
class Seen:
    """Hold what came of a row's tests."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    told: dict[str, None] = field(default_factory=dict)


class Collector:
    """Be a plugin of pytest that notes what each row came to on each exchange."""

    def __init__(self) -> None:
        self.rows: defaultdict[Place, Seen] = defaultdict(Seen)
        self._places_of: dict[str, list[Place]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            marker = item.get_closest_marker("fault")
            if marker is not None:
                self._places_of[item.nodeid] = [(int(marker.args[0]), venue) for venue in _venues_of(item, marker)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for place in self._places_of.get(report.nodeid, ()):
            seen = self.rows[place]
            if report.failed:
                seen.failed.append(f"{report.nodeid.rpartition('::')[2]} ({report.when})")
            elif report.when == "call" and report.passed:
                seen.passed += 1
                seen.told |= dict.fromkeys(str(text) for name, text in report.user_properties if name == "seen")


def _venues_of(item: pytest.Item, marker: pytest.Mark) -> tuple[str, ...]:
    """Return whose wire a test plays on: its exchange's, Binance's where it has none; all where no wire is in it."""
    if not marker.kwargs.get("wire", True):
        return VENUES
    found = getattr(item, "callspec", None)
    exchange = None if found is None else found.params.get("exchange")
    return VENUES[:1] if exchange is None else (str(exchange.kind),)


def main() -> int:
    """Return 0 if every row holds."""
    options = _options()
    if options.figures:
        from .figures import print_figures

        print_figures(options.samples)
        return 0
    collector = Collector()
    arguments = [str(FOLDER), "-q", "-p", "no:cacheprovider", "-m", "fault", "--no-header", "--tb=short"]
    code = int(pytest.main([*arguments, *(["-k", options.only] if options.only else [])], [collector]))
    console = Console()
    if not console.is_terminal:
        console.width = 170  # a file has no width of its own
    console.print(_matrix(collector.rows))
    places = [(row, venue) for row in ROWS for venue in VENUES if (row, venue) not in MEANINGLESS]
    missing = [] if options.only else [place for place in places if not collector.rows[place].passed]
    for row, venue in missing:
        console.print(f"row {row}, {venue}: no test has passed")
    return 1 if code or missing else 0


def _matrix(rows: Mapping[Place, Seen]) -> Table:
    table = Table(title="What live trading survives", show_lines=False)
    for column in ("row", "injected", "expected", *VENUES, "seen"):
        table.add_column(column)
    for row in sorted(ROWS):
        verdicts = [_verdict(rows, (row, venue)) for venue in VENUES]
        table.add_row(str(row), *ROWS[row], *verdicts, "\n".join(_told(rows, row)))
    return table


def _verdict(rows: Mapping[Place, Seen], place: Place) -> str:
    seen = rows.get(place, Seen())
    if seen.failed:
        return "FAILED"
    if seen.passed:
        return f"pass ({seen.passed})"
    return "no meaning" if place in MEANINGLESS else "not run"


def _told(rows: Mapping[Place, Seen], row: int) -> list[str]:
    """Return what was seen of a row, once where it is the same on both, and why it has no meaning."""
    told: dict[str, list[str]] = {}
    for venue in VENUES:
        seen = rows.get((row, venue), Seen())
        reason = MEANINGLESS.get((row, venue))
        for text in [*(seen.failed or seen.told), *([] if reason is None else [reason])]:
            told.setdefault(text, []).append(venue)
    return [text if len(venues) == len(VENUES) else f"{venues[0]}: {text}" for text, venues in told.items()]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--figures", action="store_true", help="measure instead, one JSON object a line")
    parser.add_argument("--samples", type=int, default=200, help="samples of each figure (200)")
    parser.add_argument("--only", help="tests whose name has this, as pytest's -k")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
