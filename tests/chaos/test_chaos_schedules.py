"""Random fault schedules on a virtual clock, at the seam between live trading and its venue."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from .faults import KINDS, Fault, Schedule, draw
from .lives import Stand, play, shrink

IN_THE_SUITE = {"binance": 40, "alpaca": 15}
ALL = 10_000
FIRST_SEED = int(os.environ.get("KEEL_CHAOS_SEED", "0"))
"""Seed of the first schedule: KEEL_CHAOS_SEED repeats one that went wrong."""
MEMORY = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder in memory


@pytest.fixture
def stand() -> Iterator[Stand]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Stand(Path(folder))


def run(stand: Stand, first: int, n: int, like: str) -> Counter[str]:
    """Play the schedules of n seeds; fail at the first that goes wrong, with what is left of it."""
    met: Counter[str] = Counter()
    for seed in range(first, first + n):
        verdict = play(stand, draw(seed, like=like))
        met += verdict.met
        if verdict.wrong:
            least = shrink(stand, draw(seed, like=like))
            told = "\n    ".join(verdict.wrong[:5])
            pytest.fail(f"{like}, seed {seed}:\n    {told}\nit takes no more than\n    {least}")
    return met


@pytest.mark.parametrize("like", IN_THE_SUITE)
def test_no_schedule_of_faults_doubles_an_order_or_loses_a_trade(stand: Stand, like: str):
    met = run(stand, FIRST_SEED, IN_THE_SUITE[like], like)
    assert met.total() > IN_THE_SUITE[like]


@pytest.mark.soak
@pytest.mark.parametrize("like", IN_THE_SUITE)
def test_ten_thousand_schedules_double_no_order_and_lose_no_trade(stand: Stand, like: str):
    met = run(stand, FIRST_SEED, ALL, like)
    kinds = {f"{to} {kind}" for to, some in KINDS.items() for kind in some}
    assert kinds <= set(met), f"never met: {kinds - set(met)}"


@pytest.mark.parametrize(
    "schedule",
    [
        pytest.param(
            Schedule(
                48,
                6,
                1,
                fee_in_base=False,
                kill_policy="flatten",
                faults=(Fault("time", "kill", at_s=337.929, seconds=3.0),),
            ),
            id="flattened by the kill switch, then started again",
        ),
        pytest.param(
            Schedule(122, 6, 1, fee_in_base=True, kill_policy="cancel", faults=(Fault("append", "disk_full", nth=37),)),
            id="a full disk at a close",
        ),
        pytest.param(
            Schedule(
                4005,
                7,
                2,
                fee_in_base=True,
                kill_policy="flatten",
                faults=(Fault("query", "crash_before", nth=79, seconds=4.0),),
            ),
            id="a strategy that starts again and cancels an order of its earlier life",
        ),
    ],
)
def test_schedules_that_once_went_wrong_stay_right(stand: Stand, schedule: Schedule):
    assert play(stand, schedule).wrong == []


def test_the_same_seed_comes_to_the_same(stand: Stand):
    first, again = play(stand, draw(7)), play(stand, draw(7))
    assert first == again
