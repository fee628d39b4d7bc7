"""What an evaluation is made of: spans, falls, traders by chance, what a feature is worth, statistics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_models import HOUR_MS, MARKET, START_MS, TRAIN, spans_of, store_walks, write_untrained

from keel.app.wiring import wire_backtest
from keel.backtest.evaluation.attribution import feature_worths
from keel.backtest.evaluation.baselines import model_turnover, play_baselines, random_weights
from keel.backtest.evaluation.findings import (
    action_shares,
    choice_between,
    joined_figures,
    random_figures,
    statistics,
)
from keel.backtest.evaluation.spans import deepest_falls, rows_between, seen_before, test_span
from keel.backtest.run import BacktestInputs, run_backtest
from keel.backtest.search.windows import Decided, within
from keel.config.load import load_config
from keel.domain.errors import UsageError
from keel.metrics.deflated import deflated_sharpe, sharpe_estimate, trial_spread
from keel.runs.model_file import OBSERVATION, WEIGHTS, ModelCard, ModelFile, write_model
from keel.strategies.policy import ServedPolicy, dump_tensors, weights_hash
from keel.strategies.trained import Policy

MODEL = Path("model.zip")
CLOSES = START_MS + HOUR_MS * np.arange(1, 11)
test_span.__test__ = False  # its name is what it does


def go_on(_rows: int) -> None:
    return None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    store_walks()
    return tmp_path


def inputs_of(*overrides: str) -> BacktestInputs:
    text = 'strategy: { class: "keel.strategies.trained:Policy", params: { model: model.zip } }\n'
    Path("sim.yaml").write_text("mode: sim\n" + MARKET + text, encoding="utf-8")
    loaded = load_config(Path("sim.yaml"), overrides)
    return wire_backtest(loaded.deciding, loaded.document)[0]


def card_of(**spans: Any) -> ModelCard:
    names = ("run_id", "venue", "timeframe", "observation_hash", "weights_hash", "config_hash")
    return ModelCard(**dict.fromkeys(names, ""), algorithm={}, action={}, weight_range=(0.0, 1.0), symbols=(),
                     apart=False, observation_size=1, observation_bound=1.0, steps=0, spans=spans, figures={},
                     versions={})  # fmt: skip


@pytest.mark.parametrize(
    ("span", "rows"), [((0, 3), (0, 3)), ((2, 5), (2, 5)), ((8, 99), (8, 10)), ((3, 3), (3, 3)), ((0, 1.5), (0, 1))]
)
def test_bar_is_in_a_span_if_it_opens_and_closes_within(span, rows):
    start, end = (int(START_MS + HOUR_MS * hours) for hours in span)
    assert rows_between(CLOSES, (start, end)) == rows


def test_rows_before_the_first_observation_are_left_out():
    assert rows_between(CLOSES, (START_MS, START_MS + 5 * HOUR_MS), first=3) == (3, 5)
    assert rows_between(CLOSES, (START_MS, START_MS + 2 * HOUR_MS), first=3) == (3, 3)


def test_test_span_is_the_cards_or_all_after_what_was_seen():
    spans = spans_of(10)
    assert test_span(card_of(**spans), 10**15, "m") == tuple(spans["test"])
    assert test_span(card_of(**spans | {"test": None}), 10**15, "m") == (spans["validation"][1], 10**15)
    with pytest.raises(UsageError, match="m: has no test span, and has seen all"):
        test_span(card_of(train=[[0, 50]], validation=None, test=None), 50, "m")
    with pytest.raises(UsageError, match="has no test span"):
        test_span(card_of(), 50, "m")


def test_bars_seen_before_are_told_to_the_bar():
    card = card_of(train=[[0, 100], [200, 300]], validation=[300, 400], test=[400, 500])
    assert seen_before(card, (400, 500)) == []
    assert len(seen_before(card, (399, 500))) == 1
    assert len(seen_before(card, (100, 200))) == 0
    assert len(seen_before(card, (50, 250))) == 2


def test_deepest_falls_do_not_overlap_and_come_in_order_of_time():
    close = np.full(100, 100.0)
    close[19], close[20:30] = 105.0, 70.0  # windows from before the peak fall, too, and share rows with the deepest
    close[60:65] = 40.0
    close[61] = np.nan
    both = np.column_stack([close, np.full(100, 50.0)])
    windows = deepest_falls(both, (0, 100), 5, 10)
    assert len(windows) == 2
    for (first, last), fall in zip(windows, (20, 60), strict=True):
        assert last - first == 10
        assert first < fall < last
    assert deepest_falls(both, (0, 100), 1, 10) == windows[1:]
    assert deepest_falls(both, (30, 55), 3, 10) == []
    assert deepest_falls(both, (58, 64), 1, 10) == [(58, 64)]


def test_random_traders_trade_as_much_as_the_model_and_know_nothing_of_it(folder):
    write_untrained(MODEL, "mode: train\n" + MARKET, "observation.window=1")
    inputs, rows = inputs_of(), (100, 500)
    held = np.random.default_rng(3).choice([-0.4, 0.0, 0.2, 0.4], (400, 2))
    held = np.repeat(held[::5], 5, axis=0)
    part = within(replace(inputs, strategy=Decided(np.vstack([np.zeros((100, 2)), held]))), rows)
    baselines, traders = play_baselines(replace(inputs, strategy=part.strategy), rows, held, 12, 7, go_on)
    assert [one.name for one in baselines] == ["moving_average", "flat"]
    asked = model_turnover(part, held, go_on)
    turnover = [one.figures["turnover"] for one in traders]
    assert np.mean(turnover) == pytest.approx(asked, rel=0.1)
    assert len({one.figures["total_return"] for one in traders}) == 12
    _, again = play_baselines(replace(inputs, strategy=part.strategy), rows, held, 12, 7, go_on)
    assert [one.figures for one in traders] == [one.figures for one in again]
    assert baselines[1].figures["total_return"] == 0.0


def test_model_that_never_moves_has_random_traders_that_do_not_either():
    drawn = random_weights(np.full((50, 1), 0.3), np.zeros(1), np.random.default_rng(1))
    assert np.all(drawn == 0.3)


def by_one_feature(place: int) -> None:
    """Set the model's networks so that one number of its observation alone decides."""
    served, file = ServedPolicy(MODEL), ModelFile(MODEL)
    with torch.no_grad():
        for name, tensor in served._policy.state_dict().items():
            tensor.zero_()
            if name == "mlp_extractor.policy_net.0.weight":
                tensor[0, place] = 1.0
            if name == "action_net.weight":
                tensor[:, 0] = 1.0
    tensors = served._policy.state_dict()
    card = replace(file.card, weights_hash=weights_hash(tensors))
    write_model(MODEL, card, {OBSERVATION: file.read(OBSERVATION), WEIGHTS: dump_tensors(tensors)})


def test_feature_that_decides_alone_is_all_that_is_worth_something(folder):
    write_untrained(MODEL, TRAIN, "observation.window=1")
    names = Policy(Policy.Params(model=str(MODEL))).feature_names
    by_one_feature(names.index("rsi_5"))
    inputs = inputs_of()
    policy = Policy(Policy.Params(model=str(MODEL)))
    worths = feature_worths(inputs, policy, (200, 400), 10, 7, go_on)
    assert worths[0].feature == "rsi_5"
    assert worths[0].weight_change > 0.05
    assert worths[0].return_change != 0.0
    assert [(one.weight_change, one.return_change) for one in worths[1:]] == [(0.0, 0.0)] * (len(names) - 1)
    assert feature_worths(inputs, policy, (200, 400), 10, 7, go_on) == worths
    assert feature_worths(inputs, policy, (200, 400), 10, 8, go_on) != worths
    assert policy.alter is None


def test_statistics_count_every_trial_of_the_ledger_and_join_the_parts(make_run):
    parts = [make_run(rows=1500, seed=1), make_run(rows=1500, seed=2)]
    rows = [
        {"status": "done", "setup_hash": str(k), "set_hash": "b", "first_ts_ms": 0, "last_ts_ms": 1,
         "figures": {"sharpe": 0.3 * k - 2.0, "periods_per_year": 365.0, "trading_days": 300.0}}
        for k in range(15)
    ]  # fmt: skip
    found = statistics(parts, 365.0, rows, [], 100, 7)
    assert found.trials == 15
    assert found.returns == 2 * 63
    spread = trial_spread(rows, found.returns)
    assert spread.variance > 0.0
    assert 0.0 <= found.deflated <= found.probabilistic <= 1.0
    few = statistics(parts, 365.0, rows[:2], [], 100, 7)
    assert few.trials == 2
    assert few.tree()["verdict"]["headline"] == few.verdict.headline
    seen = statistics(parts, 365.0, rows, ["the model was trained on it"], 100, 7)
    assert seen.verdict.headline.startswith("In-sample, so it proves nothing: the model was trained on it. ")


def test_deflation_is_that_of_the_metrics_on_the_same_returns(make_run):
    part = make_run(rows=2400, seed=3)
    rows = [
        {"status": "done", "setup_hash": str(k), "set_hash": "b", "first_ts_ms": 0, "last_ts_ms": 1,
         "figures": {"sharpe": float(k), "periods_per_year": 365.0, "trading_days": 100.0}}
        for k in range(4)
    ]  # fmt: skip
    found = statistics([part], 365.0, rows, [], 100, 7)
    daily = np.append(part.marks["equity"][0], part.marks["equity"][23::24])
    returns = daily[1:] / daily[:-1] - 1.0
    estimate, spread = sharpe_estimate(returns), trial_spread(rows, len(returns))
    assert found.deflated == pytest.approx(deflated_sharpe(estimate, 4, spread.variance), abs=1e-12)
    grown = part.marks["equity"][-1] / part.marks["equity"][0] - 1.0
    assert joined_figures([part], 365.0)["total_return"] == pytest.approx(grown)


def test_choice_between_profiles_needs_two_of_the_same_days(make_run):
    one, other, short = make_run(rows=2400, seed=3), make_run(rows=2400, seed=4), make_run(rows=240, seed=4)
    assert choice_between({"a": one}, 365.0) is None
    assert choice_between({"a": one, "b": short}, 365.0) is None
    found = choice_between({"a": one, "b": other}, 365.0)
    assert found is not None
    assert 0.0 <= found["probability_of_overfitting"] <= 1.0
    assert found["splits"] == 12_870


def test_random_figures_count_the_traders_a_return_beats():
    heads = ("total_return", "cagr", "sharpe", "sortino", "calmar", "max_drawdown", "exposure", "turnover")
    traders = [dict.fromkeys(heads, value) for value in (0.1, -0.2, 0.3, None)]
    found = random_figures(traders, 0.2)
    assert (found["beaten"], found["traders"], found["sharpe"]) == (2, 4, 0.1)
    assert random_figures(traders, None)["beaten"] == 0


def test_shares_of_actions_sum_to_one_in_bins_or_by_weight():
    few = action_shares(np.array([[0.0, 1.0], [0.5, 1.0], [0.5, np.nan], [0.0, 0.5]]), ("A", "B"))
    assert (few["edges"], few["weights"]) == ([], [0.0, 0.5, 1.0])
    assert few["shares"] == {"A": [0.5, 0.5, 0.0], "B": [0.0, 1 / 3, 2 / 3]}
    many = action_shares(np.random.default_rng(1).uniform(-1.0, 1.0, (500, 1)), ("A",))
    assert len(many["edges"]) == 21
    assert sum(many["shares"]["A"]) == pytest.approx(1.0)


def test_whole_backtest_of_a_model_waits_for_its_first_observation(folder):
    write_untrained(MODEL)
    inputs = inputs_of()
    result = run_backtest(inputs, "test", go_on)
    first = inputs.strategy.first
    assert first > 2
    assert np.all(result.marks["gross"][: first + 1] == 0.0)
    assert np.any(result.marks["gross"][first + 1 : first + 5] != 0.0)
