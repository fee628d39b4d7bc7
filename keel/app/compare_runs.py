"""The command that puts finished runs beside each other."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from keel.domain.errors import UsageError

if TYPE_CHECKING:
    from keel.report.compare import Comparison
    from keel.runs.read import FinishedRun

_FEWEST: Final = 2


def compare_runs(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Ids of finished runs, how ids begin, or folders.")],
    *,
    metric: Annotated[
        str, typer.Option(help="Figure to sort by and to draw as bars: a name in metrics.json, such as sharpe.")
    ] = "sharpe",
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every figure and setting, one line a run.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw equity curves and the figure: FILE.html or FILE.png.")
    ] = None,
    artifacts: Annotated[Path, typer.Option(help="Folder that ids are looked up in.")] = Path("artifacts"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON instead of tables.")] = False,
) -> None:
    """Compare finished runs: figures beside each other, the best marked, and the settings in which they differ.

    Runs on other bars are shown, with a warning, and then none is best. A run that was stopped is never best.

    Examples:

        python scripts/compare_runs.py sim-20260102-030405 sim-20260102-040506

        python scripts/compare_runs.py artifacts/trend-* --metric max_drawdown --plot compared.html --csv compared.csv

    Exit code 0: compared. 2: a run, a metric or a file that cannot be used.
    """
    from keel.report.compare import compare

    if plot is not None and plot.suffix.lower() not in (".html", ".png"):
        raise UsageError(f"--plot {plot}: write a name that ends with .html or .png")
    comparison = compare(_read(runs, artifacts), metric)
    for line in comparison.warnings:
        sys.stderr.write(f"warning: {line}\n")
    _write_files(comparison, csv, plot)
    _tell(comparison, [path for path in (csv, plot) if path is not None], as_json=as_json)


def _read(names: Sequence[str], artifacts: Path) -> list[FinishedRun]:
    from keel.runs.read import find_run, read_run

    if len(names) < _FEWEST:
        raise UsageError("one run has nothing to be compared with: name two or more")
    folders: dict[Path, str] = {}
    for name in names:
        folder = find_run(name, artifacts)
        if folder.resolve() in folders:
            raise UsageError(f"{name}: the same run as {folders[folder.resolve()]}: name each run once")
        folders[folder.resolve()] = name
    return [read_run(find_run(name, artifacts)) for name in names]


def _write_files(comparison: Comparison, csv: Path | None, plot: Path | None) -> None:
    if csv is not None:
        from keel.report.compare_text import comparison_csv

        _write(csv, lambda: comparison_csv(comparison).encode())
    if plot is not None:
        from keel.report.compare_plot import comparison_html, comparison_png

        draw = comparison_png if plot.suffix.lower() == ".png" else lambda each: comparison_html(each).encode()
        _write(plot, lambda: draw(comparison))


def _write(path: Path, make: Callable[[], bytes]) -> None:
    from keel.runs.disk import disk_errors_named, make_folder

    content = make()
    make_folder(path.parent)
    with disk_errors_named(path):
        path.write_bytes(content)


def _tell(comparison: Comparison, written: Sequence[Path], *, as_json: bool) -> None:
    from rich.console import Console

    from keel.report.compare_text import comparison_tree, print_comparison

    if as_json:
        sys.stdout.write(json.dumps(comparison_tree(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return
    print_comparison(Console(highlight=False), comparison)
    for path in written:
        sys.stdout.write(f"wrote {path}\n")
