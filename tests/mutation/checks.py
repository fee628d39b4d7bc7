"""What faults are tried against: existing tests as plain calls, and a fixed sample of parity cases.

pytest collects the tests and Keel calls them: a call costs a hundredth of what pytest makes of it. Properties are
called with inputs that hypothesis drew once; parity cases are compared with outcomes of the reference kept from then.
"""

from __future__ import annotations

import inspect
import io
import pickle
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from parity import kernel_adapter
from parity.agreement import disagreement
from parity.case import Case
from parity.halves import halves_differ
from parity.reference import Outcome
from parity.sample import sampled_outcomes

from keel.sim.engine import Simulator

from .interpreter import ROOT
from .storage import kept, state_of

FOLDERS = (
    "tests/tables",
    "tests/parity/test_corners.py",
    "tests/parity/test_corners_requests.py",
    "tests/unit/domain/test_grid.py",
    "tests/unit/domain/test_rng.py",
    "tests/unit/features/test_garch.py",
    "tests/unit/features/test_observation.py",
    "tests/unit/features/test_observation_layout.py",
    "tests/unit/features/test_rolling.py",
    "tests/unit/features/test_feature_formulas.py",
    "tests/unit/metrics/test_curve.py",
    "tests/unit/metrics/test_drawdown.py",
    "tests/unit/metrics/test_ratios.py",
    "tests/unit/portfolio",
    "tests/unit/rl/test_draws.py",
    "tests/unit/rl/test_environment_room.py",
    "tests/unit/rl/test_episodes.py",
    "tests/unit/rl/test_replay.py",
    "tests/unit/rl/test_rewards.py",
    "tests/properties/test_slicing.py",
    "tests/unit/sim/test_engine.py",
    "tests/unit/sim/test_exchange.py",
    "tests/unit/sim/test_local_desk.py",
    "tests/unit/sim/test_queue.py",
    "tests/unit/sim/test_room.py",
    "tests/unit/sim/test_start.py",
    "tests/unit/sim/test_stress.py",
    "tests/unit/sim/test_taken_orders.py",
)
LEFT_OUT = {
    "test_busy_run_looks_up_within_the_50_ms_of_rule_18",  # of wall time: interpreted code is not what it measures
    "test_what_an_environment_does_does_not_depend_on_threads_or_on_how_many_others_there_are",  # of threads
    "test_figures_equal_empyrical_on_a_real_stock",  # reads by polars, whose threads a fork does not have
}
EXAMPLES_A_CHECK = 10
_HALVED = 4
"""Every so many parity cases one is played by the simulator's halves, too."""
MOST_MARKETS = 30
"""Of the inputs of properties that play whole markets: parity cases tell more in less time."""


@dataclass
class Check:
    """Hold one thing that can find a fault: `run` raises where it does."""

    name: str
    run: Callable[[], None]
    cost_s: float = 0.0
    """Processor time it takes where there is no fault."""
    covers: frozenset[int] = frozenset()
    """The numbers of the statements it runs."""


class _Collector:
    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = list(session.items)


def collected_tests() -> list[pytest.Function]:
    """Return the existing tests that need no fixture; their modules are loaded."""
    collector = _Collector()
    paths = [str(ROOT / folder) for folder in FOLDERS]
    options = ["--collect-only", "-qq", "-p", "no:cacheprovider", "-W", "ignore", f"--rootdir={ROOT}"]
    with redirect_stdout(io.StringIO()) as said:
        code = pytest.main([*options, f"--config-file={ROOT / 'pyproject.toml'}", *paths], [collector])
    if code != pytest.ExitCode.OK:
        raise SystemExit(f"error: pytest cannot collect the tests:\n{said.getvalue()}")
    found = [item for item in collector.items if isinstance(item, pytest.Function)]
    return [item for item in found if item.originalname not in LEFT_OUT and _needs_no_fixture(item)]


def _arguments(item: pytest.Function) -> dict[str, Any]:
    return dict(item.callspec.params) if hasattr(item, "callspec") else {}


def _needs_no_fixture(item: pytest.Function) -> bool:
    return set(item.fixturenames) <= set(_arguments(item))


def checks_of(items: list[pytest.Function]) -> Iterator[Check]:
    """Return the tests as checks, those of properties a few inputs at a time."""
    for item in items:
        arguments = _arguments(item)
        name = item.nodeid.removeprefix("tests/")
        if not hasattr(item.obj, "hypothesis"):
            yield Check(name, lambda call=item.obj, given=arguments: call(**given))
            continue
        drawn = _drawn(item.obj, arguments)
        drawn = drawn[:MOST_MARKETS] if "market" in drawn[0] else drawn
        for start in range(0, len(drawn), EXAMPLES_A_CHECK):
            some = drawn[start : start + EXAMPLES_A_CHECK]
            inner = item.obj.hypothesis.inner_test
            yield Check(
                f"{name} inputs {start}-{start + len(some) - 1}", lambda call=inner, given=some: _all(call, given)
            )


def _all(call: Callable[..., None], given: list[dict[str, Any]]) -> None:
    for arguments in given:
        call(**arguments)


def _drawn(prop: Any, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the inputs that hypothesis draws for a property, always the same."""
    drawn: list[dict[str, Any]] = []
    inner, usual = prop.hypothesis.inner_test, prop._hypothesis_internal_use_settings

    def keep(*args: Any, **given: Any) -> None:
        drawn.append(inspect.signature(inner).bind(*args, **given).arguments)

    prop.hypothesis.inner_test = keep
    prop._hypothesis_internal_use_settings = settings(
        usual,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        prop(**arguments)
    finally:
        prop.hypothesis.inner_test = inner
        prop._hypothesis_internal_use_settings = usual
    return drawn


def parity_checks() -> Iterator[Check]:
    """Return the sampled parity cases, each in one form of the simulator."""
    for number, (case, outcome) in enumerate(_kept_outcomes()):
        arrays = kernel_adapter.Arrays.of(case)
        form = _form(arrays, number)
        yield Check(f"parity case {number} {form.__name__}", lambda a=arrays, o=outcome, f=form: _compare(a, o, f))
        if number % _HALVED == 0:
            yield Check(f"parity case {number} in halves", lambda a=arrays: _compare_halves(a))


def _compare_halves(arrays: kernel_adapter.Arrays) -> None:
    told = halves_differ(arrays)
    if told:
        raise AssertionError(told)


def _form(arrays: kernel_adapter.Arrays, number: int) -> Callable[[kernel_adapter.Arrays], Simulator]:
    """Return how to play a case: at once, the cheapest, but for three in five, and where there are requests."""
    if number % 5 == 0:
        return kernel_adapter.run_in_a_small_room
    if number % 5 == 2:
        return kernel_adapter.run_in_soiled_memory
    if number % 5 == 1 or arrays.asks:
        return kernel_adapter.run_in_steps
    return kernel_adapter.run_at_once


def _kept_outcomes() -> tuple[tuple[Case, Outcome], ...]:
    file = kept(f"cases-{state_of('tests/parity', 'keel/domain')}.pickle")
    if not file.exists():
        file.write_bytes(pickle.dumps(sampled_outcomes()))
    outcomes: tuple[tuple[Case, Outcome], ...] = pickle.loads(file.read_bytes())  # noqa: S301 - our own file
    return outcomes


def _compare(
    arrays: kernel_adapter.Arrays, outcome: Outcome, form: Callable[[kernel_adapter.Arrays], Simulator]
) -> None:
    told = disagreement(outcome, kernel_adapter.outcome_of(form(arrays)))
    if told:
        raise AssertionError(told)
