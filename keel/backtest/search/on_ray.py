"""Simulate on a Ray cluster: one actor a CPU, the bars put into the cluster once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from keel.backtest.search.crew import LOOK_S, Enter, Stop
from keel.backtest.search.trial import Outcome, Task, Wire, run_trial
from keel.domain.errors import UsageError
from keel.runs.provenance import source_hash
from keel.wire.cluster import join_cluster

_PER_HAND: Final = 2
_PATIENCE_S: Final = 120.0
"""How long the cluster may take to give us its CPUs: the first actor of a machine may have to compile."""


class OnRay:
    """Be a crew (`keel.backtest.search.crew.Crew`) on the cluster at an address.

    Raises UsageError where Ray is not installed, no cluster answers, it has no free CPU, or it runs another Keel.
    """

    def __init__(self, enter: Enter, address: str, jobs: int | None) -> None:
        self._ray = join_cluster(address)
        cpus = int(self._ray.cluster_resources().get("CPU", 1))
        hands = min(jobs or cpus, cpus)
        self.capacity = _PER_HAND * hands
        shared, actor = self._ray.put(enter), self._ray.remote(num_cpus=1)(_Hand)
        self._hands = [actor.remote() for _ in range(hands)]
        self._under_way: dict[Any, Any] = {}
        self._begin(shared, address)

    def _begin(self, shared: Any, address: str) -> None:  # noqa: ANN401 - a reference of Ray's
        begun = [hand.begin.remote(shared, str(Path.cwd())) for hand in self._hands]
        try:
            sources = self._ray.get(begun, timeout=_PATIENCE_S)
        except self._ray.exceptions.GetTimeoutError:
            self.close()
            raise UsageError(f"ray.address {address}: the cluster gave no free CPU in {_PATIENCE_S:.0f} s") from None
        except self._ray.exceptions.RayError as error:
            self.close()
            raise _failure(address, error) from error
        if any(source != source_hash() for source in sources):
            self.close()
            raise UsageError(f"ray.address {address}: the cluster runs another version of Keel: install this one there")

    def send(self, task: Task) -> None:
        """Take one task."""
        busy = list(self._under_way.values())
        hand = min(self._hands, key=busy.count)
        self._under_way[hand.run.remote(task)] = hand

    def collect(self, stop: Stop) -> list[Outcome]:
        """Return what is done after a short wait. Raises UsageError if the cluster lost an actor."""
        done, _ = self._ray.wait(list(self._under_way), num_returns=1, timeout=LOOK_S)
        if stop() is not None:
            return []
        for reference in done:
            del self._under_way[reference]
        try:
            outcomes: list[Outcome] = self._ray.get(done)
        except self._ray.exceptions.RayError as error:
            raise _failure("the cluster", error) from error
        return outcomes

    def close(self) -> None:
        """End the actors and leave the cluster as it was."""
        for hand in self._hands:
            self._ray.kill(hand)
        self._ray.shutdown()


class _Hand:
    """Simulate trials in a process of the cluster."""

    def begin(self, enter: Enter, folder: str) -> str:
        """Get ready and return the hash of the sources here; a strategy beside the config is found if it is here."""
        if Path(folder).is_dir():
            os.chdir(folder)
        self._wire: Wire = enter()
        return source_hash()

    def run(self, task: Task) -> Outcome:
        """Simulate one trial."""
        return run_trial(task, self._wire, lambda _rows: None)


def _failure(where: str, error: Exception) -> UsageError:
    cause = getattr(error, "cause", None) or error
    return UsageError(f"ray.address {where}: {type(cause).__name__}: {str(cause).splitlines()[0]}")
