"""Which points a search tries: the whole grid, random draws, or Optuna's tree-structured Parzen estimator.

Points depend on the space, the seed and the scores told back, never on how many processes work or which is first:
a search proposes a batch, and is told the scores of the whole batch, in its order, before it proposes the next.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Final, Literal

from keel.backtest.search.space import MOST_POINTS, Parameter, Point
from keel.domain.errors import UsageError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

Method = Literal["grid", "random", "tpe"]
Scores = Sequence[float | None]
"""One score a point, more is better; None for a point that could not be run or has no score."""
Proposals = Generator[list[Point], Scores, None]
"""Yields a batch of points and is sent their scores."""

BATCH: Final = 8
"""Points TPE proposes before it is told any of their scores: the same whatever the number of processes."""


def propose(space: Sequence[Parameter], method: Method, trials: int | None, seed: int) -> Proposals:
    """Return the proposals of a search of `trials` points (grid: all of them).

    Raises UsageError for what the method cannot do.
    """
    if method == "grid":
        return _grid(space, trials)
    if trials is None or not 1 <= trials <= MOST_POINTS:
        raise UsageError(f"--search {method} needs --trials, how many points to draw: 1 to {MOST_POINTS:,}")
    return _drawn(space, method, trials, seed)


def _grid(space: Sequence[Parameter], trials: int | None) -> Proposals:
    for parameter in space:
        if parameter.span is not None:
            raise UsageError(
                f"--param {parameter.key}: a span has no grid: give a list or a range with its step (10:50:5), or "
                "search it with --search random or tpe"
            )
    points = math.prod(len(parameter.values) for parameter in space)
    if trials is not None:
        raise UsageError(f"--trials goes with --search random or tpe: a grid tries all its {points:,} points")
    if points > MOST_POINTS:
        raise UsageError(f"the grid has {points:,} points, more than {MOST_POINTS:,}: use --search random or tpe")
    return _all_at_once(list(itertools.product(*(parameter.values for parameter in space))))


def _all_at_once(points: list[Point]) -> Proposals:
    yield points


def _drawn(space: Sequence[Parameter], method: Method, trials: int, seed: int) -> Proposals:
    study, distributions = _study(method, seed), _distributions(space)
    # A random draw learns from no score, so one batch holds them all and keeps every process busy.
    batch = trials if method == "random" else BATCH
    for start in range(0, trials, batch):
        asked = [study.ask(distributions) for _ in range(min(batch, trials - start))]
        scores = yield [tuple(_written(each, trial.params[each.key]) for each in space) for trial in asked]
        for trial, score in zip(asked, scores, strict=True):
            _tell(study, trial.number, score)


def _study(method: Method, seed: int) -> Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler: BaseSampler = (
        optuna.samplers.RandomSampler(seed) if method == "random" else optuna.samplers.TPESampler(seed=seed)
    )
    return optuna.create_study(direction="maximize", sampler=sampler)


def _tell(study: Study, number: int, score: float | None) -> None:
    from optuna.trial import TrialState

    if score is None:
        # Pruned, not failed: TPE takes a pruned trial for a bad one and moves away, and forgets a failed one.
        study.tell(number, state=TrialState.PRUNED)
    else:
        study.tell(number, score)


def _distributions(space: Sequence[Parameter]) -> dict[str, BaseDistribution]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, BaseDistribution] = {}
    for parameter in space:
        span = parameter.span
        if span is None and parameter.is_ordered():
            # By place, so that TPE knows which values are near each other.
            found[parameter.key] = IntDistribution(0, len(parameter.values) - 1)
        elif span is None:
            found[parameter.key] = CategoricalDistribution(parameter.values)
        elif span.whole:
            found[parameter.key] = IntDistribution(int(span.low), int(span.high), log=span.log)
        else:
            found[parameter.key] = FloatDistribution(span.low, span.high, log=span.log)
    return found


def _written(parameter: Parameter, value: object) -> str:
    if parameter.is_ordered() and isinstance(value, int):
        return parameter.values[value]
    return value if isinstance(value, str) else repr(value)
