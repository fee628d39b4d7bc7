"""Fit costs and latency from recorded fills: python scripts/calibrate_costs.py FILLS [--out costs.yaml]."""

from __future__ import annotations

from keel.app.calibrate_costs import calibrate_costs
from keel.app.cli import run_cli

if __name__ == "__main__":
    run_cli(calibrate_costs)
