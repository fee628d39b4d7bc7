"""Check that Keel can run here: python scripts/doctor.py [--config F] [--verbose] [--json]."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.doctor import doctor

if __name__ == "__main__":
    run_cli(doctor)
