"""Put finished runs beside each other: python scripts/compare_runs.py RUN RUN … [--metric M] [--plot F]."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.compare_runs import compare_runs

if __name__ == "__main__":
    run_cli(compare_runs)
