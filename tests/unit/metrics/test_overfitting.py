"""Overfitting is found where the best of the past is noise, and is not where one trial is truly good."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keel.metrics.overfitting import backtest_overfitting

YEAR = 365.25 * 5 / 7
"""Days of a year in the authors' own programs."""


def published_case(rng: np.random.Generator, days: int, trials: int, sharpe: float) -> np.ndarray:
    """Return the paper's test case: all trials have a ratio of exactly 0 over all days, the last of `sharpe` a year."""
    noise = rng.standard_normal((days, trials))
    matrix = (noise - noise.mean(axis=0)) / noise.std(axis=0) / math.sqrt(YEAR)
    matrix[:, -1] += sharpe / YEAR
    return matrix


def held_out(matrix: np.ndarray) -> bool:
    """Return whether the best of the first half is worse than the median of the second: CSCV_1.py of the authors."""
    first, second = np.split(matrix, 2)
    picked = np.argmax(first.mean(axis=0) / first.std(axis=0))
    ratios = second.mean(axis=0) / second.std(axis=0)
    return bool(ratios[picked] < np.median(ratios))


def played_one_by_one(matrix: np.ndarray, blocks: int) -> list[tuple[float, float, float]]:
    """Return (logit, ratio in the sample, in the future) of each split, as the paper's steps read."""
    parts, found = np.split(matrix, blocks), []
    for taken in combinations(range(blocks), blocks // 2):
        sample = np.concatenate([parts[i] for i in taken])
        future = np.concatenate([parts[i] for i in range(blocks) if i not in taken])
        inside, outside = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in (sample, future))
        picked = int(np.argmax(inside))
        rank = sorted(outside).index(outside[picked]) + 1
        share = rank / (matrix.shape[1] + 1)
        found.append((math.log(share / (1 - share)), inside[picked], outside[picked]))
    return found


@pytest.mark.parametrize(("blocks", "trials"), [(2, 2), (4, 7), (6, 30), (8, 300)])
def test_splits_equal_those_played_one_by_one(blocks, trials):
    matrix = np.random.default_rng(blocks).normal(0.0005, 0.01, (12 * blocks, trials))
    logits, inside, outside = np.array(played_one_by_one(matrix, blocks)).T
    found = backtest_overfitting(matrix, 252, blocks)
    assert len(found.logits) == math.comb(blocks, blocks // 2)
    assert found.logits == pytest.approx(logits)
    assert found.picked_in == pytest.approx(inside * math.sqrt(252))
    assert found.picked_out == pytest.approx(outside * math.sqrt(252))
    assert found.probability == np.mean(logits <= 0.0)
    assert found.loss_probability == np.mean(outside < 0.0)
    assert found.slope == pytest.approx(np.polyfit(inside, outside, 1)[0])


def test_full_overfitting_of_the_paper_is_certain():
    """Bailey et al. 2017, test case 1: where no trial earns anything, what the best gained it must give back."""
    found = backtest_overfitting(published_case(np.random.default_rng(1), 1000, 100, 0.0), YEAR)
    assert found.probability == found.loss_probability == 1.0
    assert len(found.logits) == 12_870
    assert found.slope == pytest.approx(-1.0, abs=0.1)


@pytest.mark.parametrize(
    ("sharpe", "days", "trials"), [(1.0, 1000, 100), (1.0, 500, 50), (2.0, 1000, 100), (3.0, 1000, 100)]
)
def test_probability_is_that_of_a_future_held_out(sharpe, days, trials):
    """Bailey et al. 2017, accuracy of CSCV: beside the hold-out of many such matrices, within a tenth."""
    rng = np.random.default_rng(2)
    found = [backtest_overfitting(published_case(rng, days, trials, sharpe), YEAR, 10).probability for _ in range(15)]
    truth = np.mean([held_out(published_case(rng, days, trials, sharpe)) for _ in range(150)])
    assert np.mean(found) == pytest.approx(truth, abs=0.1)


def test_picking_from_noise_is_as_good_as_picking_blindly():
    rng = np.random.default_rng(3)
    found = [backtest_overfitting(rng.normal(0, 0.01, (400, 40)), 252, 8) for _ in range(80)]
    assert np.mean([one.probability for one in found]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([one.loss_probability for one in found]) == pytest.approx(0.5, abs=0.07)


def test_picking_one_truly_good_trial_is_no_overfitting():
    matrix = np.random.default_rng(4).normal(0, 0.01, (1000, 50))
    matrix[:, 7] += 0.003
    found = backtest_overfitting(matrix, 252)
    assert found.probability < 0.01
    assert found.loss_probability < 0.01
    assert np.mean(found.picked_out) == pytest.approx(0.3 * math.sqrt(252), rel=0.2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_neither_order_nor_leverage_of_trials_matters(seed, trials):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(0.0003, 0.01, (61, trials))
    plain = backtest_overfitting(matrix, 252, 6)
    moved = backtest_overfitting((matrix * rng.uniform(0.1, 9.0, trials))[:, rng.permutation(trials)], 252, 6)
    assert moved.logits == pytest.approx(plain.logits)
    assert moved.picked_out == pytest.approx(plain.picked_out)


def test_oldest_days_that_fill_no_block_are_left_out():
    matrix = np.random.default_rng(5).normal(0, 0.01, (103, 5))
    assert backtest_overfitting(matrix, 252, 10).picked_in == pytest.approx(
        backtest_overfitting(matrix[3:], 252, 10).picked_in
    )


def test_trial_that_does_nothing_is_ranked_at_zero():
    matrix = np.random.default_rng(6).normal(-0.01, 0.001, (100, 3))
    matrix[:, 1] = 0.0
    found = backtest_overfitting(matrix, 252, 4)
    assert np.all(found.picked_in == 0.0)
    assert np.all(found.picked_out == 0.0)
    assert found.probability == found.loss_probability == 0.0
    assert math.isnan(found.slope)


def test_interest_on_idle_cash_is_no_endless_sharpe_ratio():
    rng = np.random.default_rng(6)
    matrix = rng.normal(0.001, 0.01, (1000, 40))
    matrix[:500, 1:39] = np.linspace(1e-5, 1e-3, 38)
    matrix[:, 39] = 1e-4 + rng.normal(0.0, 1e-16, 1000)  # as the equity of an idle account has it
    assert np.max(np.abs(backtest_overfitting(matrix, 252, 4).picked_in)) < 20.0


def test_twins_share_their_rank():
    matrix = np.repeat(np.random.default_rng(7).normal(0, 0.01, (80, 1)), 5, axis=1)
    found = backtest_overfitting(matrix, 252, 4)
    assert found.logits == pytest.approx(0.0)
    assert found.probability == 1.0


@pytest.mark.parametrize("shape", [(0, 5), (100, 0), (100, 1), (31, 5)])
def test_overfitting_of_too_little_is_undefined(shape):
    found = backtest_overfitting(np.zeros(shape), 252)
    assert math.isnan(found.probability)
    assert math.isnan(found.slope)
    assert math.isnan(found.loss_probability)
    assert len(found.logits) == 0
    assert found.trials == shape[1]


@pytest.mark.parametrize("hole", [math.nan, math.inf])
def test_matrix_with_a_hole_is_undefined(hole):
    matrix = np.random.default_rng(8).normal(0, 0.01, (100, 5))
    matrix[50, 2] = hole
    assert math.isnan(backtest_overfitting(matrix, 252).probability)


@pytest.mark.parametrize("blocks", [0, -2, 1, 7])
def test_odd_number_of_blocks_is_refused(blocks):
    with pytest.raises(ValueError, match="blocks must be even"):
        backtest_overfitting(np.zeros((100, 5)), 252, blocks)
