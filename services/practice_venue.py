"""Start the practice venue: python -m services.practice_venue --config configs/practice.yaml."""

from keel.app.cli import run_cli
from keel.app.practice import practice_venue

if __name__ == "__main__":
    run_cli(practice_venue)
