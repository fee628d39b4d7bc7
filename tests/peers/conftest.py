"""Both peers, each started once; at the end the largest difference of all comparisons is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .peer import Peer
from .played import CLOSE_ENOUGH, Played, worst_difference

_WORST: dict[str, list[float]] = {}


def _peer(name: str, factory: pytest.TempPathFactory) -> Iterator[Peer]:
    peer = Peer(name, factory.mktemp(name))
    yield peer
    peer.close()


@pytest.fixture(scope="session")
def vectorbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    yield from _peer("vectorbt", tmp_path_factory)


@pytest.fixture(scope="session")
def backtesting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    yield from _peer("backtesting", tmp_path_factory)


@pytest.fixture(scope="session")
def compare() -> Callable[[str, Played, Played], None]:
    """Return a function that refuses two sides which are not the same, and notes how far they were apart."""

    def check(peer: str, ours: Played, theirs: Played) -> None:
        apart = worst_difference(ours, theirs)
        assert apart <= CLOSE_ENOUGH, f"apart by {apart:g}"
        _WORST.setdefault(peer, []).append(apart)

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for peer, apart in sorted(_WORST.items()):
        terminalreporter.write_line(f"{peer}: {len(apart)} comparisons, largest relative difference {max(apart):.2g}")
