"""Take the kill switch back, on the record: reset_kill_switch.py --reason "…" [--run NAME] [--state-dir state]."""

from __future__ import annotations

from keel.app.cli import run_cli
from keel.app.reset_kill_switch import reset_kill_switch

if __name__ == "__main__":
    run_cli(reset_kill_switch)
