"""Bring the bar store up to date: python scripts/update_bars.py --config configs/update_bars.yaml (--help teaches)."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.update_bars import update_bars

if __name__ == "__main__":
    run_cli(update_bars)
