"""Make longer bars of stored ones: python scripts/resample_bars.py --venue ... --source 1m --timeframe 1h (--help)."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.resample_bars import resample_bars

if __name__ == "__main__":
    run_cli(resample_bars)
