"""Keel's own commands: python -m keel --help."""

from keel.app.cli import run_cli
from keel.app.commands import app

if __name__ == "__main__":
    run_cli(app)
