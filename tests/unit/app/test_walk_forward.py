"""A walk-forward cannot know what it is tested on, and its stitched run is one run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_search import alone, go_on, load, read, study_of, with_bars

from keel.app.search_wiring import strategy_of
from keel.app.wiring import wire_backtest
from keel.backtest.run import run_backtest
from keel.backtest.search.space import assignments, read_space
from keel.backtest.search.walk_forward import choose, overview, step_rows
from keel.backtest.search.windows import split_windows, stitched, within
from keel.domain.errors import UsageError
from keel.runs.ledger import TrialLedger

SPACE = read_space(["strategy.params.short=3,5,8", "strategy.params.long=10,20"])
CANDIDATES = [assignments(SPACE, (short, long)) for short in SPACE[0].values for long in SPACE[1].values]
PEEKERS = [("strategy.params.sign=1",), ("strategy.params.sign=-1",)]


def chosen(tmp_path: Path, loaded, data, candidates, window=100, step=30, name="study"):
    with TrialLedger.open(tmp_path / "state") as ledger:
        windows = split_windows(data.bars["day"][:, 0], window, step, anchored=False)
        study = study_of(loaded, ledger, data, name)
        return choose(study, candidates, windows, "sharpe", alone(loaded, data), go_on)


@given(st.lists(st.integers(1, 4), min_size=12, max_size=60), st.integers(2, 10), st.integers(1, 5), st.booleans())
def test_tests_cover_every_day_after_the_first_window_once_and_training_ends_where_a_test_begins(
    bars_a_day, window, step, anchored
):
    days = np.repeat(np.arange(len(bars_a_day)) * 3, bars_a_day)
    windows = split_windows(days, window, step, anchored=anchored)
    assert [row for each in windows for row in range(*each.test)] == list(range(sum(bars_a_day[:window]), len(days)))
    for each in windows:
        assert each.train[1] == each.test[0]
        assert len(set(days[slice(*each.train)])) == window or (anchored and each.train[0] == 0)
        assert len(set(days[slice(*each.test)])) <= step


def test_window_longer_than_the_bars_is_refused():
    with pytest.raises(UsageError, match="leaves nothing to test: the bars have 5 trading days"):
        split_windows(np.arange(5), 5, 1, anchored=False)


@pytest.mark.parametrize(
    ("strategy", "params", "candidates"),
    [
        ("keel.strategies.moving_average:MovingAverageCrossover", "{short: 3, long: 10}", CANDIDATES),
        ("made_search:Peeker", "{}", PEEKERS),
        ("made_search:AboveByBar", "{}", [("strategy.params.bars=2",), ("strategy.params.bars=9",)]),
    ],
)
def test_choice_and_its_score_do_not_change_with_the_bars_it_is_tested_on(tmp_path, strategy, params, candidates):
    """A strategy that peeks at all bars it is shown is shown none of the test's."""
    loaded = load(tmp_path, strategy, params)
    data = read(loaded)
    first_test = split_windows(data.bars["day"][:, 0], 100, 30, anchored=False)[1].test[0]

    def crash(bars):
        for name in ("open", "high", "low", "close"):
            bars[name][first_test:] *= np.linspace(3.0, 0.2, len(bars) - first_test)[:, None]

    before = chosen(tmp_path, loaded, data, candidates, name="before")
    after = chosen(tmp_path, loaded, with_bars(data, crash), candidates, name="after")
    assert [choice.chosen for choice in after[:2]] == [choice.chosen for choice in before[:2]]
    assert [choice.chosen.figures for choice in after[2:]] != [choice.chosen.figures for choice in before[2:]]


@pytest.mark.parametrize("strategy", ["made_search:Above", "made_search:AboveByBar"])
def test_part_of_the_bars_starts_flat_with_all_its_history_in_sight(tmp_path, strategy):
    loaded = load(tmp_path, strategy, "{bars: 30}")
    inputs, _ = wire_backtest(loaded.deciding, loaded.document)
    part = run_backtest(within(inputs, (100, 160)), "part", lambda _: None)
    assert len(part.marks) == 60
    assert part.marks["gross"][0] == 0.0
    # Warm from the first close on: thirty bars back lie before the part.
    close = inputs.bars["close"][:, 0]
    wanted = (close[100:159] > close[70:129]) * 1
    held = part.marks["gross"][1:] > 0
    assert held.tolist() == (wanted == 1).tolist()


def test_both_forms_of_a_strategy_walk_alike(tmp_path):
    runs = []
    for name in ("Above", "AboveByBar"):
        loaded = load(tmp_path, f"made_search:{name}", "{bars: 4}")
        inputs, _ = wire_backtest(loaded.deciding, loaded.document)
        parts = [((50, 90), strategy_of(loaded, ("strategy.params.bars=4",))),
                 ((90, 140), strategy_of(loaded, ("strategy.params.bars=9",)))]  # fmt: skip
        runs.append(run_backtest(stitched(inputs, parts), "walk", lambda _: None))
    assert runs[0].marks.tobytes() == runs[1].marks.tobytes()


def test_seam_between_equal_choices_trades_nothing_and_a_change_of_mind_is_paid_for(tmp_path):
    loaded = load(tmp_path, "made_search:Above", "{bars: 4}")
    inputs, _ = wire_backtest(loaded.deciding, loaded.document)
    same, other = (strategy_of(loaded, (f"strategy.params.bars={bars}",)) for bars in (4, 25))
    plain = run_backtest(within(inputs, (50, 140)), "plain", lambda _: None)
    seamed = run_backtest(stitched(inputs, [((50, 90), same), ((90, 140), same)]), "seam", lambda _: None)
    assert seamed.marks.tobytes() == plain.marks.tobytes()
    switched = run_backtest(stitched(inputs, [((50, 90), same), ((90, 140), other)]), "switch", lambda _: None)
    assert switched.marks[:40].tobytes() == plain.marks[:40].tobytes()
    assert switched.marks["equity"][-1] != plain.marks["equity"][-1]


def test_steps_returns_compound_to_the_runs(tmp_path):
    loaded = load(tmp_path)
    data = read(loaded)
    choices = chosen(tmp_path, loaded, data, CANDIDATES)
    inputs, _ = wire_backtest(loaded.deciding, loaded.document, data)
    parts = [(choice.window.test, strategy_of(loaded, choice.chosen.overrides)) for choice in choices]
    result = run_backtest(stitched(inputs, parts), "walk", lambda _: None)
    rows = step_rows(choices, result, "sharpe")
    assert len(rows) == len(choices) == 9
    growth = np.prod([1.0 + row["test_return"] for row in rows])
    assert growth == pytest.approx(result.marks["equity"][-1] / result.marks["equity"][0])
    assert all(row["in_sample"] == choice.chosen.figures["sharpe"] for row, choice in zip(rows, choices, strict=True))
    seen = overview(rows, ["strategy.params.short", "strategy.params.long"], 0.5)
    assert seen["steps"] == 9
    assert seen["efficiency"] == pytest.approx(0.5 / seen["mean_in_sample"])


def test_window_in_which_nothing_scores_keeps_what_was_held(tmp_path):
    loaded = load(tmp_path, "made_search:Above", "{bars: 4}")
    data = read(loaded)

    def freeze(bars):
        for name in ("open", "high", "low", "close"):
            bars[name][130:260] = 100.0

    candidates = [("strategy.params.bars=4",), ("strategy.params.bars=9",)]
    choices = chosen(tmp_path, loaded, with_bars(data, freeze), candidates)
    kept = [choice.kept for choice in choices]
    assert kept[0] is False
    assert any(kept)
    at = kept.index(True)
    assert choices[at].chosen.overrides == choices[at - 1].chosen.overrides
