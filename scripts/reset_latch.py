"""Lift what the risk guard has latched, on the record: reset_latch.py --config F --reason "…" [--dry-run]."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.reset_latch import reset_latch

if __name__ == "__main__":
    run_cli(reset_latch)
