"""Fetch Binance's trading rules into a file: fetch_binance_filters.py --universe --out data/binance_filters.json."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.fetch_filters import fetch_filters

if __name__ == "__main__":
    run_cli(fetch_filters)
