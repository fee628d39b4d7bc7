"""Fill the bar store: python scripts/import_bars.py csv|parquet|binance|lean|... FILES (--help teaches)."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.import_bars import app

if __name__ == "__main__":
    run_cli(app)
