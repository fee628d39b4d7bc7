"""One look at a strategy: what it decides on the bars, on their beginning, and on bars that go on differently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.backtest.run import BacktestInputs, run_backtest
from keel.strategies.decisions import Weights, decide_all
from keel.strategies.panel import BarPanel
from keel.strategies.port import Context, EventStrategy, Strategy, VectorStrategy

SAME_WEIGHT: Final = 1e-9
"""Difference of two weights that is rounding: sums over other lengths round otherwise. A fraction of equity."""

_AFTER_A_CUT: Final = {"removed": 0, "made to rise": 1, "made to fall": -1}
"""What becomes of the bars after a cut, and which way their prices go, if they are not removed."""
_JUMP: Final = 5.0
"""Factor by which made-up prices leave the real ones: a market's own moves must not undo it."""
_SWING: Final = 1.5
"""Factor of a move by which they go on, by chance, so that the returns among them are others, too."""

Build = Callable[[], Strategy]
"""Builds the strategy anew: one that remembers what it has seen must not carry it from one look to the next."""


@dataclass(frozen=True)
class Decisions:
    """Hold what was decided at each row: weights (rows, N), NaN where none was given, and other requests as text."""

    weights: Weights
    requests: tuple[str, ...] = ()

    def first_difference(self, other: Decisions, rows: int, first: int = 0) -> tuple[int, int] | None:
        """Return row and column of the first difference in rows `first` to `rows` - 1; column -1: requests differ."""
        mine, its = self.weights[first:rows], other.weights[first:rows]
        differs = ~((np.abs(mine - its) <= SAME_WEIGHT) | (np.isnan(mine) & np.isnan(its)))
        by_weight = first + int(np.argmax(differs.any(axis=1))) if differs.any() else rows
        told = zip(self.requests[first:by_weight], other.requests[first:by_weight], strict=False)
        by_request = next((row for row, pair in enumerate(told, first) if pair[0] != pair[1]), by_weight)
        if by_request < by_weight:
            return by_request, -1
        return (by_weight, int(np.argmax(differs[by_weight - first]))) if by_weight < rows else None

    def show(self, row: int, column: int) -> str:
        """Return one decision as text."""
        if column < 0:
            return self.requests[row] or "nothing"
        weight = self.weights[row, column]
        return "no target" if np.isnan(weight) else f"{weight:.9g}"


Decide = Callable[[NDArray[np.void]], Decisions]
"""Decides on BAR (rows, N), which it leaves as they are."""


def decider(inputs: BacktestInputs, build: Build) -> Decide:
    """Return what decides on other bars as this run's strategy would."""
    if isinstance(inputs.strategy, EventStrategy):
        return lambda bars: _play(inputs, build(), bars)
    return lambda bars: _ask(inputs.on(bars), build())


def _ask(inputs: BacktestInputs, strategy: Strategy) -> Decisions:
    if not isinstance(strategy, VectorStrategy):
        raise TypeError(f"{strategy} is neither a VectorStrategy nor an EventStrategy")
    return Decisions(decide_all(strategy, inputs.panel))


def _play(inputs: BacktestInputs, strategy: Strategy, bars: NDArray[np.void]) -> Decisions:
    overheard = _Overhearing(strategy)
    run_backtest(replace(inputs.on(bars), strategy=overheard), "probe", lambda _rows: None)
    return overheard.decisions(len(bars), len(inputs.symbols))


class _Overhearing(EventStrategy):
    """Note what a strategy asks for at each close while it plays."""

    def __init__(self, strategy: Strategy) -> None:
        super().__init__(strategy.params)
        self._strategy = strategy
        self._weights: list[dict[int, float]] = []
        self._requests: list[str] = []

    def prepare(self, bars: BarPanel) -> None:
        """Pass the bars on."""
        self._strategy.prepare(bars)  # type: ignore[attr-defined]

    def on_bar(self, context: Context) -> None:
        """Pass the close on, with a context that is listened to."""
        self._weights.append({})
        asked: list[str] = []
        returned = self._strategy.on_bar(_Overheard(context, self._weights[-1], asked))  # type: ignore[attr-defined]
        self._requests.append("; ".join(asked))
        return returned  # type: ignore[no-any-return]

    def decisions(self, rows: int, n: int) -> Decisions:
        weights = np.full((rows, n), np.nan)
        for row, given in enumerate(self._weights):
            for column, weight in given.items():
                weights[row, column] = weight
        return Decisions(weights, tuple(self._requests) + ("",) * (rows - len(self._requests)))


class _Overheard:
    """Be a context that notes each call besides making it."""

    def __init__(self, context: Context, weights: dict[int, float], asked: list[str]) -> None:
        self._context = context
        self._weights = weights
        self._asked = asked

    def set_target(self, symbol: str, weight: float) -> None:
        self._context.set_target(symbol, weight)
        self._weights[self._context.bars.index(symbol)] = float(weight)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the context has
        found = getattr(self._context, name)
        if not callable(found):
            return found

        def call(*args: object, **named: object) -> object:
            given = [*map(repr, args), *(f"{key}={value!r}" for key, value in named.items())]
            self._asked.append(f"{name}({', '.join(given)})")
            return found(*args, **named)

        return call


@dataclass(frozen=True)
class Change:
    """Hold one look that decided `row` otherwise than with all bars: after a cut at `cut`, `how` says what followed."""

    row: int
    column: int
    cut: int
    how: str
    with_all: str
    without: str


class Prober:
    """Cut the bars after a row, or let them go on otherwise, and see whether a decision up to that row changes."""

    def __init__(self, decide: Decide, bars: NDArray[np.void]) -> None:
        self.bars = bars
        self.whole = decide(bars)
        self._decide = decide
        self._scratch = bars.copy()
        self._levels = _levels(len(bars))
        self.failed: dict[int, str] = {}
        self.cuts: set[int] = set()

    def changes_at(self, cut: int, tail: int) -> Change | None:
        """Return the earliest decision up to `cut` that changes with the bars after it; `tail` of them are made up."""
        self.cuts.add(cut)
        found: Change | None = None
        for how in _AFTER_A_CUT:
            decided = self._decide_after(cut, how, tail)
            if decided is None:
                return found
            at = self.whole.first_difference(decided, cut + 1)
            if at is not None and (found is None or at[0] < found.row):
                found = Change(*at, cut, how, self.whole.show(*at), decided.show(*at))
        return found

    def row_changes(self, row: int, cut: int) -> bool:
        """Tell whether the decision at `row` changes with any of the bars after a cut at or after it."""
        decided = (self._decide_after(cut, how, len(self.bars)) for how in _AFTER_A_CUT)
        return any(each and self.whole.first_difference(each, row + 1, row) is not None for each in decided)

    def _decide_after(self, cut: int, how: str, tail: int) -> Decisions | None:
        try:
            return self._decide_on(cut, _AFTER_A_CUT[how], tail)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a strategy may raise anything
            self.failed[cut] = f"{type(error).__name__}: {' '.join(str(error).split())}"
            return None

    def _decide_on(self, cut: int, way: int, tail: int) -> Decisions:
        if way == 0:
            return self._decide(self.bars[: cut + 1])
        made_up = slice(cut + 1, min(len(self.bars), cut + 1 + tail))
        for name in ("open", "high", "low", "close", "volume"):
            self._scratch[name][made_up] *= self._levels[: made_up.stop - made_up.start] ** way
        try:
            return self._decide(self._scratch[: made_up.stop])
        finally:
            self._scratch[made_up] = self.bars[made_up]


def _levels(rows: int) -> NDArray[np.float64]:
    """Return factors of shape (rows, 1) for the bars after a cut that lift their prices, by more here than there."""
    return np.asarray(_JUMP * _SWING ** np.random.default_rng(0).integers(0, 3, (rows, 1)))
