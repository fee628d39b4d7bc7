"""The command that finds out whether a strategy decides from the past alone, and how much of it it needs."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress
    from rich.table import Table

    from keel.backtest.causality import Leak, Verdict
    from keel.backtest.probe import Decide, Prober
    from keel.backtest.run import BacktestInputs
    from keel.config.load import LoadedConfig

_WARM_UP_SHARE: Final = 0.25
"""Part of the time that measuring the warm-up may take."""


def check_causality(
    config: Annotated[Path, typer.Option(help="Config of the run whose strategy is checked, mode: sim.")],
    *,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key for this check; may be given many times."),
    ] = None,
    bars: Annotated[
        int | None,
        typer.Option("--bars", min=2, metavar="N", help="Use the first N bars only; every cut of few is tried."),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=0.1, metavar="S", help="Time to look for a leak; a find may take it twice."),
    ] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON instead of tables.")] = False,
) -> None:
    """Find out whether a strategy looks ahead: cut its bars, decide again, and compare what it decided before the cut.

    After each cut the later bars are removed, then replaced by others; who decides from the past alone is not moved.
    The first decision that moves is named with its row, time, instrument and both values, and with how many later bars
    it looked at. Without one, the bars begin later and later, to see after how many the strategy decides as it does
    with the whole history: the warm-up it needs before it can be trusted live.

    Not checked: what a strategy reads from files or the network.

    Examples:

        python -m keel check-causality --config configs/config_sim.yaml

        python -m keel check-causality --config configs/config_sim.yaml --bars 2000 --set strategy.class=mine:Mine

    Exit code 0: no decision changed. 2: one did, or config, data or usage is wrong.
    """
    from keel.app.console import ending_tidily, progress_bar
    from keel.config.load import load_config
    from keel.domain.errors import UsageError
    from keel.runs.logs import run_logs

    loaded = load_config(config, set_ or [], expect_mode="sim")
    with (
        ending_tidily(),
        run_logs(Path(loaded.config.run.logs_dir), "check-causality"),
        progress_bar(quiet=as_json) as progress,
        redirect_stdout(sys.stderr) if as_json else nullcontext(),  # a strategy may print
    ):
        found = _check(loaded, bars, seconds, progress)
    _print(found, as_json=as_json)
    if found["leak"] is not None:
        raise UsageError(_told(found["leak"]))


def _check(loaded: LoadedConfig, most_bars: int | None, seconds: float, progress: Progress) -> dict[str, Any]:
    from keel.app.wire_strategy import load_strategy
    from keel.backtest.causality import find_leak
    from keel.backtest.probe import decider
    from keel.backtest.warm_up_need import warm_up_need

    inputs = _inputs(loaded, most_bars, progress)
    class_path = loaded.deciding.strategy.class_path
    decide = decider(inputs, lambda: load_strategy(class_path, loaded.document))
    task = progress.add_task("cutting", total=len(inputs.bars))
    prober = _prober(inputs, decide)
    verdict = find_leak(prober, seconds, lambda cuts: progress.update(task, completed=cuts))
    progress.remove_task(task)
    needs = None
    places_orders = any(prober.whole.requests)
    if verdict.leak is None and not places_orders:
        task = progress.add_task("beginning later", total=None)
        needs = warm_up_need(decide, inputs.bars, prober.whole, inputs.symbols, seconds * _WARM_UP_SHARE)
        progress.remove_task(task)
    return {
        "strategy": class_path,
        "causal": verdict.leak is None,
        "leak": None if verdict.leak is None else _leak_tree(verdict.leak, inputs),
        "cuts": _cuts_tree(verdict),
        "warm_up": None if needs is None else [vars(need) for need in needs],
        "places_orders": places_orders,
    }


def _prober(inputs: BacktestInputs, decide: Decide) -> Prober:
    from keel.backtest.probe import Prober
    from keel.domain.errors import KeelError
    from keel.strategies.decisions import strategy_failed

    try:
        return Prober(decide, inputs.bars)
    except KeelError:
        raise
    except (Exception, SystemExit) as error:
        logs_dir = Path(inputs.config.run.logs_dir)
        raise strategy_failed(inputs.strategy, error, "while deciding", logs_dir) from error


def _inputs(loaded: LoadedConfig, most_bars: int | None, progress: Progress) -> BacktestInputs:
    from keel.app.console import compile_if_cold
    from keel.app.wiring import wire_backtest
    from keel.data.provide import ensure_bars
    from keel.data.store import BarStore
    from keel.strategies.port import EventStrategy

    config = loaded.deciding
    for _ in ensure_bars(config.data, config.market.calendar, BarStore(Path(config.data.store))):
        pass
    inputs, _ = wire_backtest(config, loaded.document)
    if isinstance(inputs.strategy, EventStrategy):  # it is played, not asked
        compile_if_cold(progress, _say)
    return inputs if most_bars is None else inputs.on(inputs.bars[:most_bars])


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _leak_tree(leak: Leak, inputs: BacktestInputs) -> dict[str, Any]:
    from keel.domain.timeframe import utc_text

    change = leak.change
    return {
        "row": change.row,
        "time": utc_text(int(inputs.bars["close_ts_ms"][change.row, 0])),
        "symbol": inputs.symbols[change.column] if change.column >= 0 else None,
        "with_all_bars": change.with_all,
        "with_other_bars": change.without,
        "cut_after_row": change.cut,
        "later_bars": change.how,
        "bars_ahead": leak.bars_ahead,
        "exact": leak.exact,
    }


def _cuts_tree(verdict: Verdict) -> dict[str, Any]:
    return {
        "tried": verdict.cuts,
        "possible": verdict.rows,
        "first": verdict.first_cut,
        "too_few_before": verdict.too_few,
    }


def _told(leak: dict[str, Any]) -> str:
    ahead = leak["bars_ahead"]
    looked = "as many later bars as there are" if ahead is None else f"{ahead} later bar{'s' if ahead > 1 else ''}"
    first = "" if leak["exact"] else " (earlier ones may exist: give it more --seconds, or fewer --bars)"
    return (
        f"the strategy looks ahead: first at row {leak['row']} ({leak['time']}), {leak['symbol'] or 'orders'}: "
        f"{leak['with_all_bars']} with all bars, {leak['with_other_bars']} with those after row "
        f"{leak['cut_after_row']} {leak['later_bars']}; it looked at {looked}{first}"
    )


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    from rich.console import Console

    if as_json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    console = Console()
    if found["leak"] is None:
        console.print(f"[green]causal[/green]  {found['strategy']}", highlight=False)
    console.print(_cuts_told(found), highlight=False)
    if found["leak"] is None and found["places_orders"]:
        console.print("Warm-up: not measured, for it places orders, and those depend on its account.", highlight=False)
    if found["warm_up"]:
        console.print(_warm_up_table(found["warm_up"]))


def _cuts_told(found: dict[str, Any]) -> str:
    cuts = found["cuts"]
    if found["leak"] is not None:
        return f"{cuts['tried']:,} cuts of {cuts['possible']:,} bars tried"
    tried = f"at all {cuts['possible']:,} cuts" if cuts["tried"] == cuts["possible"] else (
        f"at {cuts['tried']:,} of {cuts['possible']:,} cuts, those where decisions change first and then by chance "
        "(for all of them give it more --seconds, or fewer --bars)"
    )  # fmt: skip
    early = f"; on fewer than {cuts['first'] + 1} bars it fails: {cuts['too_few_before']}" if cuts["first"] else ""
    return f"No decision changed with the bars after it, {tried}{early}."


def _warm_up_table(needs: Sequence[dict[str, Any]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table("instrument", "warm-up", "measured", box=SIMPLE_HEAD)
    for need in needs:
        bars = "more than there are" if need["bars"] is None else f"{need['bars']:,} bars"
        table.add_row(need["symbol"], bars, f"worst from row {need['start']:,}, over {need['seen']:,} bars")
    return table
