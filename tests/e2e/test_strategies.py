from __future__ import annotations

import polars as pl

from .desk import Desk, constant

EVENT_TWIN = """
class S(EventStrategy):
    def on_bar(self, context):
        bars = context.bars
        for i, symbol in enumerate(bars.symbols):
            close = bars.close[:, i]
            long = len(bars) >= 20 and close[-5:].mean() > close[-20:].mean()
            context.set_target(symbol, 1.0 / bars.n if long else 0.0)
"""
VECTOR_TWIN = """
class S(VectorStrategy):
    def target_weights(self, bars):
        weights = np.zeros((len(bars), bars.n))
        for row in range(19, len(bars)):
            close = bars.close[: row + 1]
            for i in range(bars.n):
                weights[row, i] = (close[-5:, i].mean() > close[-20:, i].mean()) / bars.n
        return weights
"""
BOTH = ("--set", "data.symbols=[ACME/USDT, BETA/USDT]", "--json")


def fills(desk: Desk, body: str) -> pl.DataFrame:
    outcome = desk.backtest(desk.strategy(body), *BOTH)
    assert outcome.code == 0, outcome
    return pl.read_parquet(desk.folder / outcome.tree["folder"] / "fills.parquet")


def test_event_driven_strategy_and_its_vectorised_twin_get_the_same_fills(desk: Desk) -> None:
    events, vectors = fills(desk, EVENT_TWIN), fills(desk, VECTOR_TWIN)
    assert events.height > 20
    assert set(events["symbol"]) == {"ACME/USDT", "BETA/USDT"}
    assert events.equals(vectors)


def test_disabled_execution_counts_signals_and_sends_nothing(desk: Desk) -> None:
    tree = desk.backtest("--json", "--set", "execution.enabled=false").tree
    assert tree["signals"]["buy"] > 0
    assert tree["signals"]["sell"] > 0
    assert set(tree["orders"].values()) == {0}
    assert tree["strategy"]["end_equity"] == 100_000.0


def test_margin_account_holds_shorts_and_pays_for_them(desk: Desk) -> None:
    margin = "account: {initial_cash: 100000, type: margin, initial_margin: 0.5}"
    desk.configure(
        ("account: {initial_cash: 100000}", margin),
        ("min_notional: 5", "min_notional: 5, shortable: true"),
        ("long: 20}", "long: 20, allow_short: true}"),
    )
    tree = desk.backtest("--json").tree
    assert tree["status"] == "done"
    assert tree["trades"]["short"] > 0
    assert tree["trades"]["long"] > 0
    assert tree["costs"]["fees"]["paid"] > 0


def test_run_of_one_bar_is_whole(desk: Desk) -> None:
    outcome = desk.backtest("--json", "--set", "data.start=2021-01-02", "--set", "data.end=2021-01-02T01:00:00Z")
    assert (outcome.code, outcome.tree["period"]["bars"]) == (0, 1)


def test_strategy_in_the_current_folder_is_found_and_no_file_there_shadows_a_package(desk: Desk) -> None:
    (desk.folder / "talib.py").write_text("raise RuntimeError('not this one')")
    assert fills(desk, "import talib\n" + constant(0.5)).height == 2
