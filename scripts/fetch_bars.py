"""Fetch past bars from Binance: fetch_bars.py --symbol BTC/USDT --timeframe 1m --start 2024-01-01 (--help teaches)."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.fetch_bars import fetch_bars

if __name__ == "__main__":
    run_cli(fetch_bars)
