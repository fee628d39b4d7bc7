"""A backtest from bars in memory: results, benchmark, status."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from keel.backtest.run import BacktestInputs, run_backtest
from keel.config.modes import SimRun
from keel.domain.errors import GateRefusedError, UsageError
from keel.domain.instrument import Grid, Instrument, InstrumentId
from keel.domain.layout import ACTION, BAR, BAR_PRESENT
from keel.domain.orders import EventKind, Reason
from keel.runs.result import RunResult
from keel.strategies.buy_and_hold import BuyAndHold
from keel.strategies.panel import BarPanel
from keel.strategies.port import Context, EventStrategy, Strategy, StrategyParams, VectorStrategy

SYMBOLS = ("AAA", "BBB")
HOUR_MS = 3_600_000


class HalfAndBack(VectorStrategy):
    """Hold half in the first instrument for ten bars, nothing for the next ten, and so on."""

    def target_weights(self, bars: BarPanel) -> np.ndarray:
        weights = np.zeros((len(bars), bars.n))
        weights[np.arange(len(bars)) % 20 < 10, 0] = 0.5
        return weights


class HalfAndBackByBar(EventStrategy):
    """Decide the same, a bar at a time."""

    def on_bar(self, context: Context) -> None:
        row = len(context.bars) - 1
        context.set_target("AAA", 0.5 if row % 20 < 10 else 0.0)
        context.set_target("BBB", 0.0)


def config_of(**sections: dict[str, Any]) -> SimRun:
    tree: dict[str, Any] = {
        "mode": "sim",
        "data": {"venue": "testing", "symbols": SYMBOLS, "timeframe": "1h"},
        "strategy": {"class": "keel.strategies.buy_and_hold:BuyAndHold"},
    }
    return SimRun.model_validate(tree | sections)


def bars_of(rows: int = 100, drift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(3)
    bars = np.zeros((rows, len(SYMBOLS)), BAR)
    bars["close"] = 100.0 * np.exp(np.cumsum(rng.normal(drift, 0.01, bars.shape), axis=0))
    bars["open"] = np.vstack([bars["close"][:1], bars["close"][:-1]])
    bars["high"] = np.maximum(bars["open"], bars["close"]) * 1.01
    bars["low"] = np.minimum(bars["open"], bars["close"]) * 0.99
    bars["volume"] = 1e4
    bars["open_ts_ms"] = np.arange(rows)[:, None] * HOUR_MS
    bars["close_ts_ms"] = bars["open_ts_ms"] + HOUR_MS
    bars["day"] = bars["open_ts_ms"] // 86_400_000
    bars["flags"] = BAR_PRESENT
    return bars


def inputs_of(strategy: Strategy, config: SimRun | None = None, bars: np.ndarray | None = None) -> BacktestInputs:
    instruments = tuple(
        Instrument(
            id=InstrumentId("testing", symbol),
            tick=Grid.from_decimal(Decimal("0.01")),
            step=Grid.from_decimal(Decimal("0.001")),
            min_qty=0.0,
            min_notional=5.0,
            shortable=False,
            can_flip=False,
            fee_in_base=False,
            borrow_rate=0.0,
        )
        for symbol in SYMBOLS
    )
    bars = bars_of() if bars is None else bars
    none = np.zeros(len(SYMBOLS), np.int64)
    return BacktestInputs(
        config=config or config_of(),
        instruments=instruments,
        strategy=strategy,
        bars=bars,
        fine=np.zeros(0, BAR),
        fine_starts=none,
        fine_ends=none,
        actions=np.zeros(0, ACTION),
        action_starts=none,
        action_ends=none,
        rates=np.zeros((0, len(SYMBOLS))),
        panel=BarPanel(bars, SYMBOLS),
        factors=np.ones(bars.shape),
    )


def go_on(_rows: int) -> str | None:
    return None


class Deliberate(HalfAndBackByBar):
    """Take longer over a bar than the time between two looks at what may stop a run."""

    def on_bar(self, context: Context) -> None:
        time.sleep(0.004)
        super().on_bar(context)


def run(strategy: Strategy, config: SimRun | None = None, bars: np.ndarray | None = None) -> RunResult:
    return run_backtest(inputs_of(strategy, config, bars), "test", go_on)


def totals(result: RunResult) -> dict[str, int]:
    return {name: result.signals[name] for name in ("buy", "sell", "hold")}


def test_signals_are_counted_for_each_instrument_too():
    result = run(HalfAndBack(StrategyParams()))
    assert result.signals["by_instrument"] == {
        "AAA": {"buy": 5, "sell": 5, "hold": 90},
        "BBB": {"buy": 0, "sell": 0, "hold": 100},
    }


def test_buy_and_hold_is_its_own_benchmark():
    result = run(BuyAndHold(StrategyParams()))
    assert result.marks.tobytes() == result.benchmark.tobytes()
    assert np.ptp(result.marks["equity"]) > 0


def test_benchmark_pays_the_same_costs_but_knows_no_limits():
    tight = config_of(
        risk={"max_order_weight": 0.01, "max_position_weight": 0.01, "max_gross_weight": 0.01, "max_drawdown": 0.001},
        execution={"rebalance": "every_bar", "time_in_force": "ioc"},
    )
    small = config_of(
        risk={"max_order_notional": 500.0, "max_abs_position_notional": 900.0, "daily_loss_limit": 1.0},
        execution={"rebalance": "every_bar"},
    )
    limited = run(BuyAndHold(StrategyParams()), tight)
    free = run(BuyAndHold(StrategyParams()))
    assert run(BuyAndHold(StrategyParams()), small).benchmark.tobytes() == free.marks.tobytes()
    assert limited.benchmark.tobytes() == free.marks.tobytes()
    assert limited.marks.tobytes() != free.marks.tobytes()
    dear = run(BuyAndHold(StrategyParams()), config_of(fees={"taker_bps": 50.0}))
    assert dear.benchmark["equity"][-1] < free.benchmark["equity"][-1]


def test_benchmark_of_a_stopped_run_ends_where_the_run_does():
    result = run_backtest(inputs_of(Deliberate(StrategyParams())), "test", lambda rows: "interrupted" * (rows == 7))
    assert len(result.marks) == len(result.benchmark) == 7


def test_event_driven_strategy_makes_the_same_run_as_its_vectorised_twin():
    at_once, by_bar = run(HalfAndBack(StrategyParams())), run(HalfAndBackByBar(StrategyParams()))
    assert at_once.marks.tobytes() == by_bar.marks.tobytes()
    assert (at_once.events["price"] == by_bar.events["price"]).all()
    assert at_once.signals == by_bar.signals


def test_strategy_sees_the_past_alone_and_the_account_as_it_stands():
    seen = []

    class Watching(EventStrategy):
        def on_bar(self, context: Context) -> None:
            seen.append((len(context.bars), context.account.equity))
            context.set_target("AAA", 0.5)

    result = run(Watching(StrategyParams()))
    assert [rows for rows, _ in seen] == list(range(1, 101))
    assert [equity for _, equity in seen] == result.marks["local_equity"].tolist()


def test_signals_count_decisions_and_orders_follow_them():
    result = run(HalfAndBack(StrategyParams()))
    # Rows 0, 20, 40, 60, 80 raise the weight, rows 10, 30, 50, 70, 90 lower it; 200 bars in all.
    assert totals(result) == {"buy": 5, "sell": 5, "hold": 190}
    assert (result.events["kind"] == EventKind.SUBMITTED).sum() == 10


@pytest.mark.parametrize("strategy", [HalfAndBack, HalfAndBackByBar])
def test_run_that_may_not_execute_reports_signals_and_sends_nothing(strategy):
    result = run(strategy(StrategyParams()), config_of(execution={"enabled": False}))
    assert totals(result) == {"buy": 5, "sell": 5, "hold": 190}
    assert len(result.events) == 0
    assert (result.marks["equity"] == 100_000).all()


def test_whole_run_is_done():
    result = run(HalfAndBack(StrategyParams()))
    assert result.status == "done"
    assert result.halted_ts_ms is None
    assert len(result.marks) == 100


def test_halted_run_plays_on_and_says_when_it_was_halted():
    result = run(BuyAndHold(StrategyParams()), config_of(risk={"max_drawdown": 0.02}), bars_of(drift=-0.01))
    assert result.status == "halted"
    fall = (
        1 - result.marks["local_equity"] / np.maximum.accumulate(np.append(100_000, result.marks["local_equity"]))[1:]
    )
    assert result.halted_ts_ms == result.marks["ts_ms"][np.argmax(fall >= 0.02)]
    assert len(result.marks) == 100


def bankrupt_inputs(strategy: Strategy) -> BacktestInputs:
    account = {"type": "margin", "initial_margin": 0.1, "maintenance_margin": 0.0}
    no_limits = dict.fromkeys(("max_order_weight", "max_position_weight", "max_gross_weight"))
    return inputs_of(strategy, config_of(account=account, risk=no_limits), bars_of(drift=-0.05))


class EightTimes(EventStrategy):
    """Hold eight times what there is."""

    def on_bar(self, context: Context) -> None:
        context.set_target("AAA", 8.0)


def test_bankrupt_run_ends_at_the_row_without_equity():
    result = run_backtest(bankrupt_inputs(EightTimes(StrategyParams())), "test", go_on)
    assert result.status == "bankrupt"
    assert (result.marks["equity"][:-1] > 0).all()
    assert result.marks["equity"][-1] <= 0
    assert len(result.benchmark) == len(result.marks) < 100


def test_stop_asked_for_at_the_row_of_a_bankruptcy_does_not_hide_it():
    class EightTimesAtOnce(VectorStrategy):
        def target_weights(self, bars: BarPanel) -> np.ndarray:
            return np.tile([8.0, 0.0], (len(bars), 1))

    inputs = bankrupt_inputs(EightTimesAtOnce(StrategyParams()))
    assert run_backtest(inputs, "test", lambda rows: "interrupted" if rows else None).status == "bankrupt"


@pytest.mark.parametrize("reason", ["interrupted", "kill_switch"])
def test_stopped_run_says_why_and_keeps_the_rows_played(reason):
    heard = []

    def stop(rows: int) -> str | None:
        heard.append(rows)
        return reason if rows == 5 else None

    result = run_backtest(inputs_of(Deliberate(StrategyParams())), "test", stop)
    assert result.status == reason
    assert heard[-1] == len(result.marks) == 5
    whole = run(HalfAndBackByBar(StrategyParams()))
    assert result.marks.tobytes() == whole.marks[:5].tobytes()
    assert sum(totals(result).values()) == 10


def test_open_order_of_a_stopped_run_ends_with_it():
    config = config_of(latency={"base_ms": 60_000.0, "jitter_ms": 0.0})
    inputs = inputs_of(Deliberate(StrategyParams()), config)
    result = run_backtest(inputs, "test", lambda rows: "interrupted" if rows else None)
    assert result.events["reason"].tolist() == [Reason.NONE, Reason.END_OF_RUN]


class Looking(HalfAndBackByBar):
    """Look at account, orders and reports at some closes, without deciding by them."""

    every = 1

    def on_bar(self, context: Context) -> None:
        if len(context.bars) % self.every == 0:
            self.last = (context.account, context.orders, context.reports)
        super().on_bar(context)


@pytest.mark.parametrize("every", [1, 3, 10, 1000])
def test_looking_at_the_account_changes_nothing(every):
    looking = type("LookingNowAndThen", (Looking,), {"every": every})
    seen, unseen = run(looking(StrategyParams())), run(HalfAndBackByBar(StrategyParams()))
    assert seen.marks.tobytes() == unseen.marks.tobytes()
    assert seen.events.tobytes() == unseen.events.tobytes()


def test_every_event_is_reported_once_at_the_close_it_became_known():
    class Listening(HalfAndBackByBar):
        def on_bar(self, context: Context) -> None:
            told.extend((len(context.bars) - 1, report.kind, report.ts_ms) for report in context.reports)
            super().on_bar(context)

    told: list[tuple[int, int, int]] = []
    result = run(Listening(StrategyParams()), config_of(latency={"response_ms": 60_000.0}))
    known = result.events[result.events["known_row"] >= 0]
    assert told == [
        (int(e["known_row"]), int(e["kind"]), int(e["ts_ms"])) for e in np.sort(known, order="known_row", kind="stable")
    ]
    assert len(told) > 20


def test_strategy_that_fails_after_the_money_was_gone_is_not_blamed():
    class EightTimesThenFails(EventStrategy):
        def on_bar(self, context: Context) -> None:
            context.set_target(SYMBOLS[0], 8.0)
            if len(context.bars) == 100:
                raise ZeroDivisionError("too late to matter")

    assert run_backtest(bankrupt_inputs(EightTimesThenFails(StrategyParams())), "test", go_on).status == "bankrupt"


def test_close_of_a_symbol_is_that_of_the_bar_at_hand():
    class Comparing(EventStrategy):
        def on_bar(self, context: Context) -> None:
            seen.extend(context.close(symbol) == context.bars.close[-1, i] for i, symbol in enumerate(SYMBOLS))

    seen: list[bool] = []
    run(Comparing(StrategyParams()))
    assert len(seen) == 200
    assert all(seen)


@pytest.mark.parametrize("strategy", [HalfAndBack, HalfAndBackByBar])
def test_stop_after_the_last_row_changes_nothing(strategy):
    result = run_backtest(
        inputs_of(strategy(StrategyParams())), "test", lambda rows: "interrupted" if rows == 100 else None
    )
    assert result.status == "done"


@pytest.mark.parametrize("strategy", [HalfAndBack, HalfAndBackByBar])
@pytest.mark.parametrize(("status", "error"), [("kill_switch", GateRefusedError), ("interrupted", KeyboardInterrupt)])
def test_stop_before_the_first_row_leaves_no_result(strategy, status, error):
    with pytest.raises(error):
        run_backtest(inputs_of(strategy(StrategyParams())), "test", lambda rows: status)


class Failing(EventStrategy):
    def on_bar(self, context: Context) -> None:
        if len(context.bars) == 3:
            raise ZeroDivisionError("by nought")


class FailingAtOnce(VectorStrategy):
    def target_weights(self, bars: BarPanel) -> np.ndarray:
        raise ZeroDivisionError("by nought")


class Leaving(VectorStrategy):
    def target_weights(self, bars: BarPanel) -> np.ndarray:
        raise SystemExit(7)


class Returning(EventStrategy):
    def on_bar(self, context: Context) -> object:
        return 0.5


class Asking(EventStrategy):
    def on_bar(self, context: Context) -> None:
        context.set_target("ZZZ", 0.5)


class Writing(VectorStrategy):
    def target_weights(self, bars: BarPanel) -> np.ndarray:
        bars.close[0, 0] = 1.0
        return np.zeros((len(bars), bars.n))


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        (Failing, "failed at 1970-01-01T03:00:00 UTC: ZeroDivisionError: by nought; its traceback is in "),
        (FailingAtOnce, "failed while deciding: ZeroDivisionError: by nought; its traceback is in "),
        (Leaving, "failed while deciding: SystemExit: 7"),
        (Returning, "on_bar returned float: say what to hold with context.set_target"),
        (Asking, "is not among this run's symbols: AAA, BBB"),
        (Writing, "failed while deciding: ValueError: "),
    ],
)
def test_strategy_that_misbehaves_is_told_in_one_line(strategy, told):
    inputs = inputs_of(strategy(StrategyParams()))
    before = inputs.bars.tobytes()
    with pytest.raises(UsageError) as caught:
        run_backtest(inputs, "test", go_on)
    line = str(caught.value)
    assert f"test_run_backtest:{strategy.__name__}" in line
    assert told in line
    assert "\n" not in line
    assert inputs.bars.tobytes() == before


@pytest.mark.parametrize("strategy", [HalfAndBack, HalfAndBackByBar])
def test_bars_outside_the_regular_session_are_seen_and_not_decided_on(strategy: type[Strategy]):
    config = config_of(market={"calendar": "XNYS", "timezone": "America/New_York"})
    bars, monday_ms = bars_of(rows=17), 1_720_425_600_000  # 8 July 2024, from 04:00 to 21:00 in New York
    bars["open_ts_ms"] += monday_ms
    bars["close_ts_ms"] += monday_ms
    found = run_backtest(inputs_of(strategy(StrategyParams()), config, bars), "id", lambda _rows: None)
    sent = found.events[found.events["kind"] == EventKind.SUBMITTED]
    closes = (sent["ts_ms"] - monday_ms) // HOUR_MS
    assert 6 == closes.min() <= closes.max() <= 12, "the closes in the session are those from 10:00 to 16:00"
    assert found.signals["buy"] + found.signals["sell"] > 0
