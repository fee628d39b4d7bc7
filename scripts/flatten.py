"""Close what a live run has left open: flatten.py --config F [--all] [--yes] [--json]. Needs only keys and the lock."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.flatten import flatten

if __name__ == "__main__":
    run_cli(flatten)
