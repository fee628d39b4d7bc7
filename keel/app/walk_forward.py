"""The walk-forward command: choose on a window, trade the next step, move on, and show what that would have earned."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keel.app.sweep import AsJson, Jobs, Metric, Params, Resume, Sets

if TYPE_CHECKING:
    from keel.app.search_run import Options, SearchRun
    from keel.app.walk_forward_results import WalkForwardResult
    from keel.backtest.search.walk_forward import Choice
    from keel.backtest.search.windows import Window
    from keel.config.load import LoadedConfig
    from keel.runs.result import RunResult

_CHOSEN = "strategy."


class Draw(StrEnum):
    """Name the ways to get candidates."""

    GRID = "grid"
    RANDOM = "random"


def walk_forward(
    config: Annotated[Path, typer.Option(help="Config whose strategy is chosen anew at each step, mode: sim.")],
    param: Params,
    window: Annotated[int, typer.Option(min=2, help="Trading days to choose on.")],
    step: Annotated[int, typer.Option(min=1, help="Trading days to test each choice on.")],
    *,
    anchored: Annotated[bool, typer.Option("--anchored", help="Begin every window at the first bar.")] = False,
    set_: Sets = None,
    search: Annotated[
        Draw, typer.Option(help="grid: all combinations; random: drawn once, for all windows.")
    ] = Draw.GRID,
    trials: Annotated[int | None, typer.Option(min=1, help="How many candidates to draw, for random.")] = None,
    metric: Annotated[Metric, typer.Option(help="Figure that each choice is made by.")] = Metric.SHARPE,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Seed of the draws; else run.seed.")] = None,
    jobs: Jobs = None,
    resume: Resume = None,
    as_json: AsJson = False,
) -> None:
    """Choose parameters on each window of the past and trade them on the step after it: a test without hindsight.

    Window and step count trading days that have bars. Every candidate is simulated on the window alone, with all
    earlier bars in sight and no later one. The winners' decisions are then strung together and simulated once: capital
    and positions are carried over the seams, and switching is paid for. Only strategy.* keys may vary.

    Examples:

        python -m keel walk-forward --config configs/config_backtest_stocks.yaml --window 252 --step 21
        --param strategy.params.short=10,20,50 --param strategy.params.long=100,200

    Exit code 0: done. 2: config, data or usage is wrong. 3: doctor or the kill switch refused, or stopped it.
    4: the stitched run was stopped by a risk limit. 130: stopped by Ctrl+C; --resume goes on.
    """
    from keel.app.console import ending_tidily
    from keel.app.search_run import Options
    from keel.backtest.search.proposals import propose
    from keel.backtest.search.space import assignments, read_space
    from keel.config.load import load_config

    loaded = load_config(config, set_ or [], expect_mode="sim")
    space = read_space(param)
    _refuse_other_keys([parameter.key for parameter in space])
    drawn_from = loaded.config.run.seed if seed is None else seed
    points = next(propose(space, search.value, trials, drawn_from))
    candidates = [assignments(space, point) for point in points]
    request = {"param": list(param), "search": search.value, "trials": trials, "metric": metric.value}
    request |= {"seed": drawn_from, "window": window, "step": step, "anchored": anchored}
    with ending_tidily():
        _run(loaded, candidates, Options("walk-forward", request, resume, jobs, quiet=as_json))


def _refuse_other_keys(keys: list[str]) -> None:
    from keel.domain.errors import UsageError

    for key in keys:
        if not key.startswith(_CHOSEN):
            raise UsageError(
                f"--param {key}: an account keeps its venue and its limits from step to step: only strategy.* keys can "
                "be chosen; compare others with sweep"
            )


def _run(loaded: LoadedConfig, candidates: list[tuple[str, ...]], options: Options) -> None:
    from keel.app.endings import end_stopped
    from keel.app.search_run import end_search, search_run
    from keel.app.walk_forward_results import write_walk_forward
    from keel.backtest.search.walk_forward import choose

    asked, result, status = options.request, None, None
    with search_run(loaded, options) as run:
        windows = _windows(run, options)
        run.plan(len(windows) * len(candidates))
        choices = choose(run.study, candidates, windows, asked["metric"], run.crew, run.stop)
        played = None if choices is None else _play(run, choices)
        if choices is not None and played is not None and played.status not in ("interrupted", "kill_switch"):
            result = write_walk_forward(run, choices, played, asked["metric"])
        else:
            status = run.stop()
    if result is None:
        end_search(status, run.study.name, len(run.study.tried), loaded.config.run, None)
        return
    _tell(result, as_json=options.quiet)
    if result.run.status != "done":
        sys.stdout.flush()
        end_stopped(result.run, result.folder)


def _windows(run: SearchRun, options: Options) -> tuple[Window, ...]:
    from keel.backtest.search.windows import split_windows

    asked = options.request
    return split_windows(run.data.bars["day"][:, 0], asked["window"], asked["step"], anchored=asked["anchored"])


def _play(run: SearchRun, choices: list[Choice]) -> RunResult:
    """Simulate the winners one after the other as one run, and enter it as a trial of its own."""
    import time
    from datetime import UTC, datetime

    from keel.app.search_wiring import strategy_of
    from keel.app.wiring import wire_backtest
    from keel.backtest.run import run_backtest
    from keel.backtest.search.trial import Task, outcome_of
    from keel.backtest.search.windows import stitched
    from keel.config.load import vary
    from keel.runs.manifest import iso_utc

    first = vary(run.loaded, choices[0].chosen.overrides)
    inputs, _ = wire_backtest(run.loaded.deciding, first.document, run.data)
    parts = [(choice.window.test, strategy_of(run.loaded, choice.chosen.overrides)) for choice in choices]
    started, clock = iso_utc(datetime.now(UTC)), time.perf_counter()
    played = run_backtest(stitched(inputs, parts), run.study.name, lambda _rows: run.stop())
    rows = (choices[0].window.test[0], choices[-1].window.test[1])
    task = Task(len(run.study.tried), ("walk-forward=stitched",), rows)
    run.study.note(outcome_of(task, played, started, time.perf_counter() - clock))
    return played


def _tell(result: WalkForwardResult, *, as_json: bool) -> None:
    if as_json:
        tree = {
            "study": result.folder.name,
            "folder": str(result.folder),
            "overview": result.overview,
            "steps": result.table.rows,
            "counts": result.counts,
            **result.metrics,
        }
        sys.stdout.write(json.dumps(tree, indent=2) + "\n")
        return
    from rich.console import Console

    from keel.report.walk_forward import print_walk_forward

    print_walk_forward(Console(), result.table, result.folder.name, result.overview, result.counts)
    sys.stdout.write(f"Result  {result.folder}\n")
