"""Measure what the kernel costs, by feature, and how its cost grows; one JSON object a line.

All figures are processor time of one core, the least of a few repeats. An exponent is the slope of the log-log fit of
total cost over size: 1 is linear. docs/benchmarks.md says how to read them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import numpy as np
from market import minutes, universe
from numpy.typing import NDArray
from ours_inputs import as_bars, load, wire

from keel.backtest.run import BacktestInputs
from keel.domain.orders import OrderSide
from keel.sim.engine import Simulator
from keel.sim.parameters import run_records, slot_records
from keel.strategies.decisions import decide_all
from keel.strategies.desk import OrderDesk, Ticket
from keel.strategies.moving_average import MovingAverageCrossover

Prepared = TypeVar("Prepared")

_REPEATS: Final = 5
_BARE: Final = ("fees.taker_bps=0", "account.allocation=0.02")
_FEATURES: Final = (
    ("bare", ()),
    ("+ fees", ("fees.taker_bps=10",)),
    ("+ spread", ("spread.half_spread_bps=1",)),
    ("+ latency", ("latency.base_ms=250", "latency.response_ms=50")),
    ("+ jitter and spikes", ("latency.jitter_ms=20", "latency.spike_probability=0.001")),
    ("+ participation", ("execution.max_participation=0.1",)),
    ("+ impact", ("impact.coefficient=0.7",)),
    ("+ tick and step", ('market.instrument.tick_size="0.01"', 'market.instrument.step_size="0.00001"')),
    ("+ least value", ("market.instrument.min_notional=5",)),
    ("+ limits on size", ("risk.max_order_weight=1", "risk.max_position_weight=1", "risk.max_gross_weight=1")),
    ("+ loss and rate limits", ("risk.daily_loss=1", "risk.max_drawdown=1", "risk.max_orders_per_min=60")),
    ("+ stop-loss and take-profit", ("exits.stop_loss={fraction: 0.02}", "exits.take_profit={fraction: 0.02}")),
)
"""Each adds to those before."""
_PRICE_MODELS: Final = ("open", "bridge", "path", "worst")
_ROWS: Final = 1_000_000
_LIVE_ROWS: Final = 1_000
_CELLS: Final = 400_000
_INSTRUMENTS: Final = (10, 100, 1_000)


def main() -> None:
    """Print all lines."""
    by_feature("a trade in 45 bars", _ROWS, lambda inputs: decide_all(_CROSSOVER, inputs.panel))
    by_feature("a trade every bar", _ROWS // 5, _alternating)
    growth("bars", (10_000, 100_000, 1_000_000, 10_000_000), _cost_of_bars)
    growth("instruments without trades", _INSTRUMENTS, partial(_cost_of_instruments, "bare.yaml", trading=False))
    growth("instruments in a cash account", _INSTRUMENTS, partial(_cost_of_instruments, "bare.yaml"))
    growth("instruments in a margin account", _INSTRUMENTS, partial(_cost_of_instruments, "bare_universe.yaml"))
    growth(
        "instruments with exits", _INSTRUMENTS, partial(_cost_of_instruments, "bare.yaml", overrides=_FEATURES[-1][1])
    )
    growth("live orders", (10, 100, 1_000, 4_000), _cost_of_live_orders)
    growth("orders placed at one close", (10, 100, 1_000, 4_000), _cost_of_placing)
    growth("orders cancelled at one close", (10, 100, 1_000, 4_000), _cost_of_cancelling)


_CROSSOVER: Final = MovingAverageCrossover(MovingAverageCrossover.Params(short=20, long=50))


def by_feature(name: str, rows: int, decide: Callable[[BacktestInputs], NDArray[np.float64]]) -> None:
    """Print the cost of a bar with each feature added, then with each price model under the last."""
    bars, overrides = as_bars(minutes(rows)), list(_BARE)
    weights = decide(wire(load("bare.yaml"), bars))
    for feature, added in _FEATURES:
        overrides += added
        _print_line(f"{name}: {feature}", _cost_of_run(bars, weights, overrides) / rows * 1e9, "ns/bar")
    for model in _PRICE_MODELS:
        cost_s = _cost_of_run(bars, weights, [*overrides, f"execution.price_model={model}"])
        _print_line(f"{name}: all of these, price model {model}", cost_s / rows * 1e9, "ns/bar")


def growth(name: str, sizes: Sequence[int], cost_s: Callable[[int], float]) -> None:
    """Print the cost of one unit at each size and the exponents of growth, over all sizes and over the last step."""
    costs = [cost_s(size) for size in sizes]
    for size, cost in zip(sizes, costs, strict=True):
        _print_line(f"{name}: {size:,}", cost / size * 1e9, "ns each")
    x, y = np.log(sizes), np.log(costs)
    _print_line(f"growth with {name}", float(np.polyfit(x, y, 1)[0]), "exponent")
    _print_line(f"growth with {name}, last step", float((y[-1] - y[-2]) / (x[-1] - x[-2])), "exponent")


def _cost_of_run(bars: NDArray[np.void], weights: NDArray[np.float64], overrides: Sequence[str]) -> float:
    inputs = wire(load("bare.yaml", *overrides), bars)
    return _least_cpu(lambda: _simulator(inputs), lambda simulator: simulator.run(weights))


def _cost_of_bars(rows: int) -> float:
    inputs = wire(load("full.yaml"), as_bars(minutes(rows)))
    weights = decide_all(_CROSSOVER, inputs.panel)
    return _least_cpu(lambda: _simulator(inputs), lambda simulator: simulator.run(weights))


def _cost_of_instruments(config_name: str, n: int, *, trading: bool = True, overrides: Sequence[str] = ()) -> float:
    """Return the cost of a row of n instruments, each of which trades in every fifth, or none in any."""
    # As many cells at each size: a short run repeated would be known by heart to the branch predictor.
    columns = universe(_CELLS // n, n)
    symbols = json.dumps([f"S{i}" for i in range(n)])
    inputs = wire(load(config_name, f"data.symbols={symbols}", "data.timeframe=1d", *overrides), as_bars(columns))
    weights = columns["weights"] if trading else np.zeros_like(columns["weights"])
    cost_s = _least_cpu(lambda: _simulator(inputs), lambda simulator: simulator.run(weights))
    return cost_s * n / _CELLS


def _cost_of_live_orders(n: int) -> float:
    """Return the cost of bars while so many limit orders rest far from the market, above that without any."""
    inputs = wire(load("bare.yaml"), as_bars(minutes(_LIVE_ROWS)))
    weights = np.full((_LIVE_ROWS, 1), np.nan)
    with_orders = _least_cpu(lambda: _resting(inputs, n), lambda simulator: simulator.run(weights))
    without = _least_cpu(lambda: _resting(inputs, 0), lambda simulator: simulator.run(weights))
    return (with_orders - without) / _LIVE_ROWS


def _cost_of_placing(n: int) -> float:
    inputs = wire(load("bare.yaml"), as_bars(minutes(100)))

    def place(prepared: tuple[Simulator, NDArray[np.void]]) -> None:
        prepared[0].decide(np.array([np.nan]), prepared[1])

    return _least_cpu(lambda: _about_to_place(inputs, n)[:2], place)


def _cost_of_cancelling(n: int) -> float:
    inputs = wire(load("bare.yaml"), as_bars(minutes(100)))

    def prepare() -> tuple[Simulator, NDArray[np.void]]:
        simulator, requests, desk = _about_to_place(inputs, n)
        simulator.decide(np.array([np.nan]), requests)
        simulator.advance()
        for tag in requests["tag"]:
            desk.cancel(int(tag))
        cancels = desk.requests()
        if cancels is None:
            raise ValueError("nothing was asked for")
        return simulator, cancels

    return _least_cpu(prepare, lambda prepared: prepared[0].decide(np.array([np.nan]), prepared[1]))


def _resting(inputs: BacktestInputs, n: int) -> Simulator:
    if n == 0:
        simulator = _simulator(inputs)
        simulator.advance()
        return simulator
    simulator, requests, _ = _about_to_place(inputs, n)
    simulator.decide(np.array([np.nan]), requests)
    simulator.advance()
    return simulator


def _about_to_place(inputs: BacktestInputs, n: int) -> tuple[Simulator, NDArray[np.void], OrderDesk]:
    simulator = _simulator(inputs)
    simulator.advance()
    desk = OrderDesk(inputs.symbols, simulator.live_orders, simulator.heard)
    for _ in range(n):
        desk.place(0, OrderSide.BUY, 0.01, Ticket.of({"limit": 5_000.0}))
    requests = desk.requests()
    if requests is None:
        raise ValueError("nothing was asked for")
    return simulator, requests, desk


def _simulator(inputs: BacktestInputs) -> Simulator:
    return Simulator(inputs.bars, run_records(inputs.config), slot_records(inputs.config, inputs.instruments))


def _alternating(inputs: BacktestInputs) -> NDArray[np.float64]:
    weights = np.ones((len(inputs.bars), 1))
    weights[::2] = 0.5
    return weights


def _least_cpu(prepare: Callable[[], Prepared], work: Callable[[Prepared], object]) -> float:
    work(prepare())
    costs = []
    for _ in range(_REPEATS):
        prepared, started = prepare(), time.process_time()
        work(prepared)
        costs.append(time.process_time() - started)
    return min(costs)


def _print_line(name: str, value: float, unit: str) -> None:
    print(json.dumps({"name": name, "value": float(f"{value:.4g}"), "unit": unit}), flush=True)


if __name__ == "__main__":
    main()
