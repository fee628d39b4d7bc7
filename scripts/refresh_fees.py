"""Write what your account pays as a fees section: python scripts/refresh_fees.py --config configs/config_live.yaml."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.refresh_fees import refresh_fees

if __name__ == "__main__":
    run_cli(refresh_fees)
