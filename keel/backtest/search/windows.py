"""Windows of a walk-forward: where each is optimised and tested, and how a part of the bars is simulated.

A part is simulated from its first row with the starting cash and no position, but the strategy sees every bar before
it, so that averages are warm, and none after it, so that no choice can know what comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keel.backtest.run import BacktestInputs
from keel.domain.errors import UsageError
from keel.strategies.decisions import decide_all, strategy_failed
from keel.strategies.panel import BarPanel
from keel.strategies.port import Context, EventStrategy, Strategy, StrategyParams, VectorStrategy

Rows = tuple[int, int]
"""First row and the row after the last."""


@dataclass(frozen=True, slots=True)
class Window:
    """Hold one step of a walk-forward: the rows to choose on, and those right after them to test the choice on."""

    train: Rows
    test: Rows


def split_windows(days: NDArray[np.integer], window: int, step: int, *, anchored: bool) -> tuple[Window, ...]:
    """Return the windows of bars whose rows fall on these trading days, the last test cut where the bars end.

    `window` and `step` count trading days that have a bar; with `anchored` every window starts at the first row.
    Raises UsageError where not even one test day is left.
    """
    starts = np.append(np.flatnonzero(np.diff(days, prepend=days[0] - 1)), len(days)).astype(int).tolist()
    n = len(starts) - 1
    if n <= window:
        raise UsageError(
            f"--window {window} leaves nothing to test: the bars have {n} trading days; take a shorter window, or more "
            "bars"
        )
    return tuple(
        Window((0 if anchored else starts[at - window], starts[at]), (starts[at], starts[min(at + step, n)]))
        for at in range(window, n, step)
    )


def within(inputs: BacktestInputs, rows: Rows) -> BacktestInputs:
    """Return the inputs of a backtest over a part of the rows, whose strategy sees all bars up to the part's end."""
    return stitched(inputs, [(rows, inputs.strategy)])


def stitched(inputs: BacktestInputs, parts: Sequence[tuple[Rows, Strategy]]) -> BacktestInputs:
    """Return the inputs of one backtest over adjoining parts, each decided by its own strategy.

    Capital and positions are carried over the seams: at one, the next strategy's weights are simply the next targets,
    and what they change is traded and paid for. Raises UsageError for a bad strategy, and where vectorised and
    event-driven ones would take turns.
    """
    first, last = parts[0][0][0], parts[-1][0][1]
    vectorised = [isinstance(strategy, VectorStrategy) for _, strategy in parts]
    if all(vectorised):
        strategy: Strategy = Decided(np.concatenate([_decide(inputs, rows, one) for rows, one in parts]))
    elif not any(vectorised):
        strategy = _Relay(inputs.panel, [(rows[1], one) for rows, one in parts], first)
    else:
        raise UsageError("strategy.class: a vectorised and an event-driven strategy cannot take turns in one account")
    part = inputs.panel.part(first, last)
    return replace(inputs, strategy=strategy, panel=part, **_rows_of(inputs, first, last))


def _rows_of(inputs: BacktestInputs, first: int, last: int) -> dict[str, Any]:
    """Return a part of every array of shape (rows, N). What happened before it meets an account without a position."""
    arrays = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
    return {
        name: value[first:last]
        for name, value in arrays.items()
        if isinstance(value, np.ndarray) and value.ndim == 2 and len(value) == len(inputs.bars)
    }


def _decide(inputs: BacktestInputs, rows: Rows, strategy: Strategy) -> NDArray[np.float64]:
    if not isinstance(strategy, VectorStrategy):
        raise TypeError(f"{strategy} is not a VectorStrategy")
    try:
        return decide_all(strategy, inputs.panel.until(rows[1] - 1))[rows[0] :]
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        raise strategy_failed(strategy, error, "while deciding", Path(inputs.config.run.logs_dir)) from error


class Decided(VectorStrategy):
    """Give weights that were decided before."""

    def __init__(self, weights: NDArray[np.float64]) -> None:
        super().__init__(StrategyParams())
        self._weights = weights

    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:  # noqa: ARG002 - the port's signature
        """Return them."""
        return self._weights


class _Relay(EventStrategy):
    """Let strategies decide one after the other, each up to its last row, with all the bars before in view."""

    def __init__(self, panel: BarPanel, legs: Sequence[tuple[int, Strategy]], first: int) -> None:
        super().__init__(StrategyParams())
        self._panel, self._legs, self._first = panel, list(legs), first

    def prepare(self, bars: BarPanel) -> None:  # noqa: ARG002 - the part alone; each leg sees what came before it, too
        for end, strategy in self._legs:
            if isinstance(strategy, EventStrategy):
                strategy.prepare(self._panel.until(end - 1))

    def on_bar(self, context: Context) -> None:
        row = self._first + len(context.bars) - 1
        while row >= self._legs[0][0]:
            self._legs.pop(0)
        strategy = self._legs[0][1]
        if isinstance(strategy, EventStrategy):
            strategy.on_bar(context.on(self._panel, row))
