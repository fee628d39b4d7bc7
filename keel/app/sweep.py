"""The sweep command: one backtest for each set of parameters, all on record, and what to think of the best."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from keel.app.search_results import SearchResult
    from keel.app.search_run import Options
    from keel.backtest.search.proposals import Proposals
    from keel.backtest.search.space import Parameter
    from keel.config.load import LoadedConfig


class Method(StrEnum):
    """Name the ways to search."""

    GRID = "grid"
    RANDOM = "random"
    TPE = "tpe"


class Metric(StrEnum):
    """Name the figures that trials are compared by."""

    SHARPE = "sharpe"
    SORTINO = "sortino"
    CALMAR = "calmar"
    TOTAL_RETURN = "total_return"
    CAGR = "cagr"
    MAX_DRAWDOWN = "max_drawdown"
    ANNUAL_VOLATILITY = "annual_volatility"


Params = Annotated[
    list[str],
    typer.Option("--param", metavar="KEY=VALUES", help="A config key and its values; may be given many times."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one key for all trials; may be given many times."),
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Trials to run at once; default: one a core.")]
Resume = Annotated[str | None, typer.Option(metavar="NAME", help="Go on with a search that was stopped.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print trials, best and warnings as JSON instead of tables.")]


def sweep(
    config: Annotated[Path, typer.Option(help="Config that the trials vary, mode: sim.")],
    param: Params,
    *,
    set_: Sets = None,
    search: Annotated[
        Method, typer.Option(help="grid: all combinations; random: drawn; tpe: drawn where earlier ones did well.")
    ] = Method.GRID,
    trials: Annotated[int | None, typer.Option(min=1, help="How many to draw, for random and tpe.")] = None,
    metric: Annotated[Metric, typer.Option(help="Figure that says which trial is best.")] = Metric.SHARPE,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Seed of the draws; default: run.seed.")
    ] = None,
    jobs: Jobs = None,
    resume: Resume = None,
    as_json: AsJson = False,
) -> None:
    """Backtest many sets of parameters and show which did best, and how much that is worth.

    VALUES is a list (10,20,30), a range with its step (10:50:5) or, for random and tpe, a span (0.1..0.5, 1e-4..1e-2
    log). Any key of the config may vary. Combinations the config or the strategy refuses are skipped and counted. Every
    trial is entered in state/trials.db. The result stands in artifacts/<name>/: trials.csv, search.html, best.yaml.

    Examples:

        python -m keel sweep --config configs/config_sim.yaml --param strategy.params.short=10,20,30
        --param strategy.params.long=50,100

        python -m keel sweep --config configs/config_sim.yaml --search tpe --trials 40
        --param strategy.params.short=5..60 --param strategy.params.long=20..200

    Exit code 0: done. 2: config, data or usage is wrong. 3: doctor or the kill switch refused, or stopped it.
    130: stopped by Ctrl+C; what was done is kept, and --resume goes on.
    """
    from keel.app.console import ending_tidily
    from keel.app.search_run import Options
    from keel.backtest.search.proposals import propose
    from keel.backtest.search.space import read_space
    from keel.config.load import load_config

    loaded = load_config(config, set_ or [], expect_mode="sim")
    space = read_space(param)
    drawn_from = loaded.config.run.seed if seed is None else seed
    proposals = propose(space, search.value, trials, drawn_from)
    request = {"param": list(param), "search": search.value, "trials": trials, "metric": metric.value}
    options = Options("sweep", request | {"seed": drawn_from}, resume, jobs, quiet=as_json)
    with ending_tidily():
        _run(loaded, space, proposals, options)


def _run(loaded: LoadedConfig, space: tuple[Parameter, ...], proposals: Proposals, options: Options) -> None:
    from keel.app.search_results import write_sweep
    from keel.app.search_run import end_search, search_run
    from keel.backtest.search.study import explore

    metric = options.request["metric"]
    with search_run(loaded, options) as run:
        run.plan(_planned(space, options.request["trials"]))
        done = explore(run.study, space, proposals, metric, run.crew, run.stop)
        status = "done" if done else run.stop()
        result = write_sweep(run, space, metric, status or "done")
    _tell(result, as_json=options.quiet)
    end_search(status, run.study.name, len(run.study.tried), loaded.config.run, result.folder)


def _planned(space: tuple[Parameter, ...], trials: int | None) -> int:
    from math import prod

    return prod(len(parameter.values) for parameter in space) if trials is None else trials


def _tell(result: SearchResult, *, as_json: bool) -> None:
    if as_json:
        tree = {
            "study": result.folder.name,
            "folder": str(result.folder),
            "status": result.status,
            "metric": result.table.metric,
            "best": result.best,
            "warnings": result.warnings,
            "counts": result.counts,
            "trials": result.table.rows,
        }
        sys.stdout.write(json.dumps(tree, indent=2) + "\n")
        return
    from rich.console import Console

    from keel.report.search import print_search

    print_search(Console(), result.table, result.folder.name, result.warnings, result.counts)
    sys.stdout.write(f"Result  {result.folder}\n")
