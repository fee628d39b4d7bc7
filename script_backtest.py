"""Simulate a strategy on stored bars: python script_backtest.py --config configs/config_backtest_stocks.yaml."""

from keel.app.backtest import backtest
from keel.app.cli import run_cli

if __name__ == "__main__":
    run_cli(backtest)
