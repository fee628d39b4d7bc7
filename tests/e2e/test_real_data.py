"""The issue's acceptance on real bars: ten daily stocks, and BTC hourly 2017-2024 with the shipped config."""

from __future__ import annotations

import pytest

from .desk import ROOT, SHARED, Desk

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared market data is not beside this project")
TEN = ("AAPL", "AMZN", "CAT", "CSCO", "DIS", "HD", "JNJ", "KO", "MSFT", "WMT")


def test_ten_real_stocks_are_imported_and_backtested_to_the_end(desk: Desk) -> None:
    files = [SHARED / "stocks_yahoo_csv" / f"{name}.csv" for name in TEN]
    assert desk.script("scripts/import_bars.py", "yahoo", *files).code == 0
    stocks = f"data.symbols=[{', '.join(TEN)}]"
    sets = (
        "data.venue=yahoo",
        stocks,
        "data.start=null",
        "data.end=null",
        "data.provider=null",
        "doctor.min_free_disk_gb=0",
    )
    arguments = [part for setting in sets for part in ("--set", setting)]
    config = ROOT / "configs" / "config_backtest_stocks.yaml"
    outcome = desk.script("script_backtest.py", "--config", config, "--json", *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.tree["status"] == "done"
    assert outcome.tree["period"]["bars"] > 1_200
    assert outcome.tree["orders"]["filled"] >= 10
    assert outcome.tree["period"]["symbols"] == list(TEN)


def test_btc_hourly_of_seven_years_runs_with_the_shipped_config(desk: Desk) -> None:
    feather = SHARED / "crypto" / "BTC_USDT-1h.feather"
    assert desk.script("scripts/import_bars.py", "freqtrade", feather, "--venue", "binance").code == 0
    sets = ("data.venue=binance", "data.symbols=[BTC/USDT]", "data.start=2017-08-17", "data.end=2024-04-22")
    arguments = [part for setting in (*sets, "doctor.min_free_disk_gb=0") for part in ("--set", setting)]
    config = ROOT / "configs" / "config_sim.yaml"
    outcome = desk.script("script_backtest.py", "--config", config, "--json", *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.tree["status"] == "done"
    assert outcome.tree["period"]["bars"] == 58_419
    assert outcome.tree["orders"]["filled"] > 500
