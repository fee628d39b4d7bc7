"""A backtest: bars and a strategy in, a RunResult out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keel.backtest.events import play_events
from keel.config.modes import DecidedConfig
from keel.data.adjust import adjust_bars
from keel.data.market_hours import activities
from keel.domain.errors import GateRefusedError, UsageError
from keel.domain.instrument import Instrument
from keel.domain.layout import BAR_PRESENT
from keel.domain.orders import RunStatus, TimeInForce, TradingState
from keel.domain.sessions import Activity
from keel.risk.sector_caps import SectorCaps, tell_cut
from keel.runs.result import Played, RunResult
from keel.sim.engine import Simulator
from keel.sim.parameters import LIMITS, run_records, slot_records
from keel.strategies.decisions import KeepGoing, Weights, decide_all, signal_report, strategy_failed
from keel.strategies.panel import BarPanel
from keel.strategies.port import EventStrategy, Strategy, VectorStrategy


@dataclass(frozen=True)
class BacktestInputs:
    """Hold what a backtest reads.

    `bars` is BAR (rows, N); `fine` is BAR (M,) and `actions` ACTION (A,), each with every instrument's range in it;
    `rates` is account currency per unit of quote currency, (rows, N), or (0, N) for none. `panel` is `bars` as
    strategies see them, prices × `factors` (rows, N): not to be written to, for it may be the memory that is played.
    `caps` is what the targets of sectors may come to.
    """

    config: DecidedConfig
    instruments: tuple[Instrument, ...]
    strategy: Strategy
    bars: NDArray[np.void]
    fine: NDArray[np.void]
    fine_starts: NDArray[np.int64]
    fine_ends: NDArray[np.int64]
    actions: NDArray[np.void]
    action_starts: NDArray[np.int64]
    action_ends: NDArray[np.int64]
    rates: NDArray[np.float64]
    panel: BarPanel
    factors: NDArray[np.float64]
    caps: SectorCaps | None = None

    def on(self, bars: NDArray[np.void]) -> BacktestInputs:
        """Return the same run on other bars of a part of its rows, whose view is adjusted as that of these."""
        first = int(np.searchsorted(self.bars["close_ts_ms"][:, 0], bars["close_ts_ms"][0, 0]))
        rows = slice(first, first + len(bars))
        factors = self.factors[rows]
        view = adjust_bars(bars, factors) if np.any(factors != 1.0) else bars
        extra = {name: values[rows] for name, values in self.panel.extra.items()}
        return replace(
            self, bars=bars, panel=BarPanel(view, self.symbols, extra), factors=factors, rates=self.rates[rows]
        )

    @property
    def activities(self) -> NDArray[np.uint8] | None:
        """Return what the config's sessions allow at each close, Activity (rows,); None for everything everywhere."""
        config, closes = self.config, self.bars["close_ts_ms"][:, 0]
        return activities(config.sessions, config.session_calendar, config.data.timeframe, closes)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the instruments' symbols, in the configured order."""
        return tuple(instrument.id.symbol for instrument in self.instruments)


def run_backtest(inputs: BacktestInputs, run_id: str, keep_going: KeepGoing) -> RunResult:
    """Simulate the strategy and, at the same costs, buy and hold; return both. Raises as `simulate` does."""
    return beside_holding(inputs, run_id, *simulate(inputs, keep_going))


def beside_holding(inputs: BacktestInputs, run_id: str, played: Played, weights: Weights) -> RunResult:
    """Return what `simulate` made of these inputs beside buy and hold at the same costs."""
    rows = len(played.marks)
    return RunResult(
        **vars(played),
        run_id=run_id,
        benchmark=_buy_and_hold(inputs, rows),
        signals=signal_report(inputs.strategy, weights[:rows], inputs.panel.until(rows - 1)),
    )


def simulate(inputs: BacktestInputs, keep_going: KeepGoing) -> tuple[Played, Weights]:
    """Simulate the strategy alone; return the run and what was decided, shape (rows, N).

    Raises UsageError for a bad strategy; GateRefusedError or KeyboardInterrupt if stopped before the first bar, when
    there is no result yet.
    """
    allowed = inputs.activities
    simulator = _simulator(inputs, run_records(inputs.config), len(inputs.bars), allowed)
    weights, stopped = _play(inputs, simulator, keep_going, None if allowed is None else allowed == Activity.WATCH)
    simulator.finish()
    rows = simulator.row
    if rows == 0 and stopped == "interrupted":
        raise KeyboardInterrupt
    if rows == 0:
        raise GateRefusedError("the kill switch was pulled before the first bar was played: there is no result to keep")
    halted = simulator.run_record["trading_state"] == TradingState.HALTED
    played = Played(
        config=inputs.config,
        symbols=inputs.symbols,
        # A stop asked for after the last bar, or once the money is gone, changes nothing: the run had ended.
        status=stopped if stopped and not _ended(simulator, inputs) else _status(simulator, halted=halted),
        bars=inputs.bars,
        marks=simulator.marks,
        events=simulator.events,
        mark_rates=simulator.mark_rates,
        timeouts=int(simulator.run_record["timeouts"]),
        halted_ts_ms=int(simulator.run_record["halted_ts_ms"]) if halted else None,
    )
    return played, weights


def _simulator(
    inputs: BacktestInputs, run: NDArray[np.void], rows: int, allowed: NDArray[np.uint8] | None
) -> Simulator:
    slots = slot_records(inputs.config, inputs.instruments)
    slots["fine_start"], slots["fine_end"] = inputs.fine_starts, inputs.fine_ends
    slots["action_start"], slots["action_end"] = inputs.action_starts, inputs.action_ends
    allowed = None if allowed is None else allowed[:rows]
    return Simulator(inputs.bars[:rows], run, slots, inputs.fine, inputs.actions, inputs.rates[:rows], allowed)


def _ended(simulator: Simulator, inputs: BacktestInputs) -> bool:
    return simulator.row == len(inputs.bars) or simulator.status is RunStatus.BANKRUPT


def _status(simulator: Simulator, *, halted: bool) -> str:
    if simulator.status is RunStatus.BANKRUPT:
        return "bankrupt"
    return "halted" if halted else "done"


def _play(
    inputs: BacktestInputs, simulator: Simulator, keep_going: KeepGoing, watched: NDArray[np.bool_] | None
) -> tuple[Weights, str | None]:
    """Play the strategy; `watched` are the rows at which nothing is decided."""
    if isinstance(inputs.strategy, EventStrategy):
        return play_events(inputs.config, inputs.strategy, inputs.panel, simulator, keep_going, watched, inputs.caps)
    if not isinstance(inputs.strategy, VectorStrategy):
        raise TypeError(f"{inputs.strategy} is neither a VectorStrategy nor an EventStrategy")
    weights = _decide_all(inputs, inputs.strategy)
    if watched is not None:
        weights = np.where(watched[:, np.newaxis], np.nan, weights)
    if inputs.caps is not None:
        wanted = weights
        weights = inputs.caps.clip_rows(wanted, inputs.bars["flags"] & BAR_PRESENT != 0)
        tell_cut(int(np.count_nonzero(np.any(~np.isnan(wanted) & (wanted != weights), axis=1))), len(weights))
    stopped = list(filter(None, [keep_going(0)]))

    def pause(row: int) -> bool:
        stopped.extend(filter(None, [keep_going(row)]))
        return not stopped

    if not stopped:
        simulator.run(weights if inputs.config.execution.enabled else np.full_like(weights, np.nan), pause)
    return weights, stopped[0] if stopped else None


def _decide_all(inputs: BacktestInputs, strategy: VectorStrategy) -> Weights:
    try:
        return decide_all(strategy, inputs.panel)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        raise strategy_failed(strategy, error, "while deciding", Path(inputs.config.run.logs_dir)) from error


def _buy_and_hold(inputs: BacktestInputs, rows: int) -> NDArray[np.void]:
    """Return the marks of equal-weight buy and hold over the first rows: same costs and latency, no risk limits."""
    run = run_records(inputs.config)
    for limit in (*LIMITS, "stop_kind", "take_kind"):
        run[limit] = 0
    run["every_bar"] = False
    run["time_in_force"] = TimeInForce.GTC
    simulator = _simulator(inputs, run, rows, inputs.activities)
    n = len(inputs.instruments)
    simulator.run(np.broadcast_to(1.0 / n, (rows, n)).copy())
    simulator.finish()
    return simulator.marks
