"""Play every row of the fault table and print what was seen; `--figures` prints JSON lines of figures instead."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from .table import NOT_APPLICABLE, ROWS

FOLDER = Path(__file__).parent


@dataclass
class Seen:
    """Hold what came of a row's tests."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    told: dict[str, None] = field(default_factory=dict)


class Collector:
    """Be a plugin of pytest that notes what each row came to."""

    def __init__(self) -> None:
        self.rows: defaultdict[int, Seen] = defaultdict(Seen)
        self._row_of: dict[str, int] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            marker = item.get_closest_marker("fault")
            if marker is not None:
                self._row_of[item.nodeid] = int(marker.args[0])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = self._row_of.get(report.nodeid)
        if row is None:
            return
        if report.failed:
            self.rows[row].failed.append(f"{report.nodeid.rpartition('::')[2]} ({report.when})")
        elif report.when == "call" and report.passed:
            self.rows[row].passed += 1
            self.rows[row].told |= dict.fromkeys(str(text) for name, text in report.user_properties if name == "seen")


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
    missing = [] if options.only else [row for row in ROWS if not collector.rows[row].passed]
    for row in missing:
        console.print(f"row {row}: no test has passed")
    return 1 if code or missing else 0


def _matrix(rows: dict[int, Seen]) -> Table:
    table = Table(title="What live trading on Binance survives", show_lines=False)
    for column in ("row", "injected", "expected", "seen", "verdict"):
        table.add_column(column)
    for row in sorted({*ROWS, *NOT_APPLICABLE}):
        if row in NOT_APPLICABLE:
            table.add_row(str(row), "", "", NOT_APPLICABLE[row], "not applicable")
            continue
        seen: Any = rows.get(row, Seen())
        told = "\n".join(seen.failed or seen.told)
        verdict = "FAILED" if seen.failed else f"pass ({seen.passed})" if seen.passed else "not run"
        table.add_row(str(row), *ROWS[row], told, verdict)
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--figures", action="store_true", help="measure instead, one JSON object a line")
    parser.add_argument("--samples", type=int, default=200, help="samples of each figure (200)")
    parser.add_argument("--only", help="tests whose name has this, as pytest's -k")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
