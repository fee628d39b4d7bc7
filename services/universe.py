"""List the symbols worth trading: python -m services.universe --output data/universe/symbols.json (--help teaches)."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.universe import universe

if __name__ == "__main__":
    run_cli(universe)
