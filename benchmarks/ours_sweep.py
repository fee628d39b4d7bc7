"""Keel's side of a sweep: what `python -m keel sweep` does between reading the bars and drawing the pictures."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import closing
from importlib.metadata import version
from itertools import count
from pathlib import Path

from ours_inputs import load, market_data, read_bars
from timing import report

from keel.app.search_wiring import EnterTrials, check_trial
from keel.backtest.search.proposals import propose
from keel.backtest.search.space import read_space
from keel.backtest.search.study import Study, best_of, explore
from keel.backtest.search.threads import Threads
from keel.runs.ledger import TrialLedger
from keel.runs.provenance import code_revision

_SPACE = ("strategy.params.short=5:50:5", "strategy.params.long=60:150:10")
_METRIC = "total_return"


def main(config_name: str, bars_file: str) -> None:
    """Time 100 trials in one thread a core, as `keel sweep` does here, every trial entered in the ledger."""
    loaded, space, numbers = load(config_name), read_space(_SPACE), count()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        enter = EnterTrials(loaded, market_data(read_bars(bars_file)))
        with closing(Threads(enter, os.cpu_count() or 1)) as crew, TrialLedger.open(folder) as ledger:

            def once() -> float:
                claimed = ledger.claim_study(f"bench-{next(numbers)}", "sweep", "2026-01-01", {})
                check = lambda given: check_trial(loaded, given)  # noqa: E731 - a port's shape
                study = Study(claimed, ledger, check, loaded.resolved, "bench", code_revision())
                explore(study, space, propose(space, "grid", None, 0), _METRIC, crew, lambda: None)
                best = best_of(study.tried, _METRIC)
                return float("nan") if best is None else best.figures[_METRIC] or 0.0

            report(once, version("keel"))


if __name__ == "__main__":
    main(*sys.argv[1:])
