"""Check bars, and repair them into another file: validate_data.py --config F | FILE | --venue V --symbol S ..."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.validate_data import validate_data

if __name__ == "__main__":
    run_cli(validate_data)
