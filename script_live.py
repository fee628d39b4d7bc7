"""Trade live: python script_live.py --config configs/config_live.yaml [--dry-run]."""

from keel.app.cli import run_cli
from keel.app.live import live

if __name__ == "__main__":
    run_cli(live)
