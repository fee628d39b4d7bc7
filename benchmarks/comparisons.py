"""What is measured against what: one entry a line of output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from market import Columns, minutes, universe

_TRIALS: Final = 100
_LONG, _SHORT = 1_000_000, 100_000
_DAYS, _INSTRUMENTS = 5_000, 500

INPUTS: Final[dict[str, Callable[[], Columns]]] = {
    "minutes_1m": partial(minutes, _LONG),
    "minutes_100k": partial(minutes, _SHORT),
    "universe": partial(universe, _DAYS, _INSTRUMENTS),
}
"""What makes the columns of the files that both sides read."""


@dataclass(frozen=True, slots=True)
class Side:
    """Name a script and its arguments; the input file comes last. `environment` is a folder of .venv-bench, or None."""

    script: str
    arguments: tuple[str, ...] = ()
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold one comparison. A time in `unit` is seconds / `work`, in `unit_s`."""

    name: str
    input: str
    ours: Side
    peer: Side
    label: str
    work: int
    unit: str
    unit_s: float
    peer_work: int | None = None
    """The peer's, where it does another amount of the same work."""
    same_result: bool = False
    """Both sides model the same, so that their results agree to 1e-9: anything else is an error."""
    memory: bool = False
    """Measure the peak memory of both, too."""


def _vectorbt(work: str, engine: str) -> tuple[Side, str]:
    return Side("peer_vectorbt.py", (work, engine), "vectorbt"), f"vectorbt, {engine} engine"


def _peer(name: str) -> tuple[Side, str]:
    return Side(f"peer_{name}.py", (), name), {"backtesting": "backtesting.py"}.get(name, name)


_BARE, _FULL = Side("ours_vector.py", ("bare.yaml",)), Side("ours_vector.py", ("full.yaml",))
_EVENTS = Side("ours_event.py", ("full.yaml",))
_SWEEP = Side("ours_sweep.py", ("bare.yaml",))
_PER_BAR: Final = ("ns/bar", 1e-9)
_PER_TRIAL: Final = ("ms/trial", 1e-3)


def _comparisons() -> Iterator[Comparison]:
    for engine in ("numba", "rust"):
        yield from _crossovers(engine)
    bare, full, events = "SMA 20/50, models off", "SMA 20/50, all models on", "on_bar, all models on"
    for book in ("hash-map", "array"):
        peer = Side("peer_hftbacktest.py", (book,), "hftbacktest"), f"hftbacktest, {book} book"
        yield Comparison(f"{full}, 1,000,000 bars", "minutes_1m", _FULL, *peer, _LONG, *_PER_BAR)
    for name in ("backtesting", "nautilus_trader"):
        yield Comparison(f"{bare}, 100,000 bars", "minutes_100k", _BARE, *_peer(name), _SHORT, *_PER_BAR)
        yield Comparison(f"{full}, 100,000 bars", "minutes_100k", _FULL, *_peer(name), _SHORT, *_PER_BAR)
        yield Comparison(f"{events}, 100,000 bars", "minutes_100k", _EVENTS, *_peer(name), _SHORT, *_PER_BAR)
    for engine in ("numba", "rust"):
        yield _sweep("total return", "sweep", engine)
        yield _sweep("12 figures a trial", "sweep_figures", engine)
    yield _sweep("total return, peer pair by pair", "sweep_in_turn", "rust")
    for engine in ("numba", "rust"):
        yield from _universes(engine)
    yield from _environments()
    yield from _training()


def _crossovers(engine: str) -> Iterator[Comparison]:
    peer = _vectorbt("crossover", engine)
    off, on = (f"SMA 20/50, {models}, 1,000,000 bars" for models in ("models off", "all models on"))
    yield Comparison(off, "minutes_1m", _BARE, *peer, _LONG, *_PER_BAR, same_result=True)
    yield Comparison(on, "minutes_1m", _FULL, *peer, _LONG, *_PER_BAR)


def _sweep(kind: str, work: str, engine: str) -> Comparison:
    name, peer = f"sweep of 100 pairs, 100,000 bars, {kind}", _vectorbt(work, engine)
    return Comparison(name, "minutes_100k", _SWEEP, *peer, _TRIALS, *_PER_TRIAL, same_result=True, memory=True)


def _universes(engine: str) -> Iterator[Comparison]:
    peer, cells = _vectorbt("universe", engine), _DAYS * _INSTRUMENTS
    for config, models in (("bare_universe.yaml", "models off"), ("full_universe.yaml", "all models on")):
        name = f"500 instruments x 5,000 days, weekly weights, {models}"
        ours, same = Side("ours_universe.py", (config,)), models == "models off"
        yield Comparison(name, "universe", ours, *peer, cells, *_PER_BAR, same_result=same)


def _environments() -> Iterator[Comparison]:
    every, fifth = f"{_SHORT}", f"{_SHORT // 5}"
    # FinRL's takes milliseconds a step.
    for name, label, given, alone, together in (
        ("gym_trading_env", "gym-trading-env", (), 20_000, 1_500),
        ("gym_anytrading", "gym-anytrading", (), 20_000, 1_500),
        ("finrl", "FinRL", (every,), 200, 50),
        ("finrl", "FinRL on a fifth of the bars,", (fifth,), 500, 100),
    ):
        for envs, threads, steps in ((1, 1, 20_000), (1024, 1, 300), (1024, 2, 300)):
            ours = Side("ours_env.py", (f"{envs}", f"{threads}", f"{steps}"))
            # A peer's environments are stepped one by one: eight cost what a thousand cost, each.
            steps_of_peer = alone if envs == 1 else together
            side = Side(f"peer_{name}.py", (*given, f"{min(envs, 8)}", f"{steps_of_peer}"), name)
            scale = min(envs, 8) * steps_of_peer
            form = "one environment" if envs == 1 else f"{envs:,} environments, {threads} thread(s)"
            yield Comparison(
                f"random actions, {form}", "minutes_100k", ours, side, label, envs * steps, "ns/step", 1e-9, scale
            )


def _training() -> Iterator[Comparison]:
    rollouts = 2
    for threads in (1, 2):
        ours, empty = (Side("ours_ppo.py", (kind, f"{threads}", f"{rollouts}")) for kind in ("trading", "empty"))
        name, label = f"PPO, 256 environments, {threads} thread(s)", "stable-baselines3 on an empty environment,"
        yield Comparison(name, "minutes_100k", ours, empty, label, rollouts * 256 * 128, "ns/step", 1e-9)


COMPARISONS: Final = tuple(_comparisons())
