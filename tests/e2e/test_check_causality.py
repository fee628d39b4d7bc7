"""`python -m keel check-causality` tells whether a strategy looks ahead, where first, and what it needs to begin."""

from __future__ import annotations

import pytest

from .desk import Desk, Outcome, refusal

SHIFTED = """
class S(VectorStrategy):
    def target_weights(self, bars):
        return bars.each(lambda one: np.append(one.close[1:] > one.close[:-1], 0.0)) / bars.n
"""
EVENTS = """
class S(EventStrategy):
    def on_bar(self, context):
        close = context.bars.close[-5:, 0]
        context.set_target("ACME/USDT", 0.5 * (len(close) == 5 and close[-1] > close.mean()))
"""
ORDERS = """
class S(EventStrategy):
    def on_bar(self, context):
        if len(context.bars) == 10:
            context.buy("ACME/USDT", 1.0)
"""
BOTH = "--set=data.symbols=[ACME/USDT, BETA/USDT]"


def check(desk: Desk, *arguments: str) -> Outcome:
    return desk.python("-m", "keel", "check-causality", "--config", "config.yaml", *arguments)


def test_causal_strategy_passes_with_its_warm_up(desk: Desk) -> None:
    outcome = check(desk, "--json", BOTH)
    assert (outcome.code, outcome.err) == (0, "")
    tree = outcome.tree
    assert (tree["causal"], tree["leak"]) == (True, None)
    assert tree["cuts"] == {"tried": 300, "possible": 300, "first": 0, "too_few_before": None}
    # The long average of 20 bars begins with the twentieth.
    assert [(need["symbol"], need["bars"]) for need in tree["warm_up"]] == [("ACME/USDT", 19), ("BETA/USDT", 19)]


def test_look_ahead_ends_with_code_2_and_the_first_decision_it_moved(desk: Desk) -> None:
    outcome = check(desk, desk.strategy(SHIFTED))
    assert refusal(outcome) == (
        "the strategy looks ahead: first at row 0 (2021-01-01 01:00 UTC), ACME/USDT: 1 with all bars, 0 with those "
        "after row 0 removed; it looked at 1 later bar"
    )
    assert outcome.out == "2 cuts of 300 bars tried\n"


def test_look_ahead_as_json_is_whole(desk: Desk) -> None:
    outcome = check(desk, desk.strategy(SHIFTED), "--json", "--bars", "50")
    assert outcome.code == 2
    assert outcome.tree["cuts"]["possible"] == 50
    assert outcome.tree["warm_up"] is None
    assert outcome.tree["leak"] == {
        "row": 0,
        "time": "2021-01-01 01:00 UTC",
        "symbol": "ACME/USDT",
        "with_all_bars": "1",
        "with_other_bars": "0",
        "cut_after_row": 0,
        "later_bars": "removed",
        "bars_ahead": 1,
        "exact": True,
    }


def test_event_driven_strategy_is_played(desk: Desk) -> None:
    tree = check(desk, desk.strategy(EVENTS), "--json", "--bars", "40").tree
    assert (tree["causal"], tree["cuts"]["tried"], tree["warm_up"][0]["bars"]) == (True, 40, 4)


def test_warm_up_of_a_strategy_that_places_orders_is_not_made_up(desk: Desk) -> None:
    chosen = (desk.strategy(ORDERS), "--bars", "20")
    assert check(desk, *chosen, "--json").tree["warm_up"] is None
    assert "Warm-up: not measured, for it places orders" in " ".join(check(desk, *chosen).out.split())


def test_strategy_that_needs_some_bars_says_how_many(desk: Desk) -> None:
    needs = "class S(VectorStrategy):\n    def target_weights(self, bars):\n        bars.close[9]\n"
    outcome = check(desk, desk.strategy(needs + "        return np.zeros((len(bars), bars.n))"))
    assert outcome.code == 0
    assert "on fewer than 10 bars it fails: IndexError" in " ".join(outcome.out.split())


def test_nothing_is_written_but_logs(desk: Desk) -> None:
    check(desk)
    assert not (desk.folder / "artifacts").exists()
    assert not (desk.folder / "state").exists()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise RuntimeError('one')", "strategy mine:S failed while deciding: RuntimeError: one; its traceback is in"),
        ("return np.zeros(3)", "mine:S.target_weights returned shape (3,)"),
        ("return np.random.default_rng().random((len(bars), 1))", "the strategy decides differently each time"),
    ],
)
def test_strategy_that_cannot_be_checked_is_refused_in_one_line(desk: Desk, body: str, told: str) -> None:
    strategy = f"class S(VectorStrategy):\n    def target_weights(self, bars):\n        {body}"
    assert refusal(check(desk, desk.strategy(strategy))).startswith(told)


def test_help_teaches_with_examples(desk: Desk) -> None:
    outcome = desk.python("-m", "keel", "check-causality", "--help")
    assert outcome.code == 0
    assert "python -m keel check-causality --config configs/config_sim.yaml" in outcome.out
