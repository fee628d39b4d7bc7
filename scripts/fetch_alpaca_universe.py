"""Fetch what Alpaca trades into a file: fetch_alpaca_universe.py --output data/universe/alpaca_symbols.json."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.fetch_assets import fetch_assets

if __name__ == "__main__":
    run_cli(fetch_assets)
