"""What goes wrong in one schedule: faults, each at the n-th of something or at a moment, drawn from a seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from random import Random

KINDS = {
    "submit": (
        *("lose_before", "lose_after", "late", "error_after", "not_sent", "refuse", "slow", "crash_before"),
        "crash_after",
    ),
    "cancel": ("lose_before", "lose_after", "not_sent", "slow", "crash_before", "crash_after"),
    "query": ("error", "error", "slow", "stale", "crash_before"),
    "accept": ("hide",),
    "report": ("drop", "duplicate", "delay", "delay"),
    "bar": ("gap", "duplicate", "delay", "revise", "nan", "jump"),
    "append": ("crash_before", "crash_after", "disk_full", "kill"),
    "time": ("stream_down", "stream_down", "feed_down", "outage", "crash", "stop", "kill"),
}
"""What may go wrong, by what it happens to."""
_WEIGHTS = {"submit": 6, "cancel": 2, "query": 5, "accept": 2, "report": 7, "bar": 3, "append": 2, "time": 5}
_MOST_NTH = {"submit": 10, "cancel": 5, "query": 120, "accept": 8, "report": 40, "bar": 14, "append": 40}


@dataclass(frozen=True)
class Fault:
    """Let something go wrong at the `nth` of what it happens to, or at `at_s`; `seconds` is how long it lasts."""

    to: str
    kind: str
    nth: int = 0
    at_s: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """Hold a whole trial: the seed of market, strategy and account, how long, and what goes wrong."""

    seed: int
    bars: int
    symbols: int
    fee_in_base: bool
    kill_policy: str
    faults: tuple[Fault, ...]
    like: str = "binance"
    """Whose manners the venue has."""

    def without(self, fault: Fault) -> Schedule:
        return replace(self, faults=tuple(one for one in self.faults if one is not fault))

    def __str__(self) -> str:
        faults = "\n".join(f"        {fault}," for fault in self.faults)
        plain = f"{self.seed}, {self.bars}, {self.symbols}, {self.fee_in_base}, {self.kill_policy!r}"
        return f"Schedule({plain}, (\n{faults}\n    ), {self.like!r})"


def draw(seed: int, most: int = 14, like: str = "binance") -> Schedule:
    """Return the schedule of a seed, at a venue like one of the exchanges."""
    rng = Random(f"schedule {seed}")
    bars = rng.randint(4, 7)
    groups, weights = zip(*_WEIGHTS.items(), strict=True)
    faults = tuple(_one(rng, group, bars) for group in rng.choices(groups, weights, k=rng.randint(1, most)))
    symbols, fee_in_base = rng.choice((1, 1, 2)), rng.random() < 0.4
    return Schedule(seed, bars, symbols, fee_in_base, rng.choice(("cancel", "flatten")), faults, like)


def _one(rng: Random, group: str, bars: int) -> Fault:
    kind = rng.choice(KINDS[group])
    if group == "time":
        seconds = rng.choice((0.5, 3.0, 20.0, 70.0)) if kind != "outage" else rng.choice((1.0, 8.0, 30.0))
        return Fault(group, kind, at_s=round(rng.uniform(0.5, 60 * bars), 3), seconds=seconds)
    seconds = round(rng.choice((0.02, 0.3, 0.9, 4.0)), 3)
    if kind == "late":
        seconds = rng.choice((0.6, 0.95))
    elif kind == "slow":
        seconds = rng.choice((0.1, 0.45))
    return Fault(group, kind, nth=rng.randint(1, _MOST_NTH[group]), seconds=seconds)


class Faults:
    """Count what happens and say what goes wrong with it; nothing does once `over` is set."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.timed = [fault for fault in faults if fault.to == "time"]
        self._by_place = {(fault.to, fault.nth): fault for fault in faults if fault.to != "time"}
        self._counted: Counter[str] = Counter()
        self.over = False
        self.met: Counter[str] = Counter()

    def next(self, to: str) -> Fault | None:
        """Return what goes wrong with the next thing of a sort."""
        self._counted[to] += 1
        fault = None if self.over else self._by_place.get((to, self._counted[to]))
        if fault is not None:
            self.met[f"{to} {fault.kind}"] += 1
        return fault
