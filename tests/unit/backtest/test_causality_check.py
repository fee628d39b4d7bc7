"""A strategy that looks ahead is found at the first decision that does; one that does not is left alone."""

from __future__ import annotations

import time

import numpy as np
import pytest

from keel.backtest.causality import Verdict, find_leak
from keel.backtest.probe import Decide, Decisions, Prober
from keel.domain.errors import UsageError
from keel.domain.layout import BAR, BAR_PRESENT
from keel.strategies.decisions import decide_all
from keel.strategies.panel import BarPanel
from keel.strategies.port import StrategyParams, VectorStrategy

ENOUGH_S = 60.0
WALK = 100.0 * np.exp(np.cumsum(np.random.default_rng(5).normal(0.0, 0.02, 400)))


def bars_of(*closes: np.ndarray | list[float]) -> np.ndarray:
    """Return hourly bars of one instrument for each series of closes; NaN is a missing bar."""
    bars = np.zeros((len(closes[0]), len(closes)), BAR)
    bars["close_ts_ms"] = (np.arange(len(bars))[:, None] + 1) * 3_600_000
    for i, own in enumerate(closes):
        for name in ("open", "high", "low", "close"):
            bars[name][:, i] = own
        bars["flags"][:, i] = np.where(np.isnan(own), 0, BAR_PRESENT)
        bars["volume"][:, i] = np.where(np.isnan(own), 0.0, 1.0)
    return bars


def asking(strategy: type[VectorStrategy]) -> Decide:
    def decide(bars: np.ndarray) -> Decisions:
        symbols = tuple(f"S{i}" for i in range(bars.shape[1]))
        return Decisions(decide_all(strategy(StrategyParams()), BarPanel(bars, symbols)))

    return decide


def check(strategy: type[VectorStrategy], *closes: np.ndarray | list[float], seconds: float = ENOUGH_S) -> Verdict:
    return find_leak(Prober(asking(strategy), bars_of(*closes)), seconds)


def found(strategy: type[VectorStrategy], *closes: np.ndarray | list[float]) -> tuple[int, int | None]:
    """Return the row found and how many later bars it looked at."""
    leak = check(strategy, *(closes or (WALK,))).leak
    assert leak is not None
    assert leak.exact
    return leak.change.row, leak.bars_ahead


def rolling_mean(close: np.ndarray, bars: int) -> np.ndarray:
    return np.append(np.full(bars - 1, np.nan), np.convolve(close, np.full(bars, 1.0 / bars), "valid"))


class ShiftedClose(VectorStrategy):
    """Buy where the next close is higher."""

    def target_weights(self, bars):
        return bars.each(lambda one: np.append(np.diff(one.close) > 0.0, 0.0))


class ShiftedCloseAfterWarmUp(VectorStrategy):
    """Compare the next close, as `shift(-1)` gives it, with its average over 20 bars."""

    def target_weights(self, bars):
        def side(one):
            ahead = np.append(one.close[1:], np.nan)
            return (
                np.where(np.isnan(ahead), 0.0, ahead > rolling_mean(one.close, 20)) if len(ahead) >= 20 else ahead * 0
            )

        return bars.each(side)


class CentredWindow(VectorStrategy):
    """Hold while the close is below the mean of the five bars before and the five after it."""

    def target_weights(self, bars):
        def side(one):
            if len(one.close) < 11:
                return one.close * 0.0
            mean = np.convolve(one.close, np.full(11, 1.0 / 11), "valid")
            return np.concatenate([np.zeros(5), one.close[5:-5] < mean, np.zeros(5)])

        return bars.each(side)


class WholeSample(VectorStrategy):
    """Weigh by the distance from the mean of all bars, in standard deviations of all."""

    def target_weights(self, bars):
        return bars.each(lambda one: (one.close - one.close.mean()) / (one.close.std() + 1.0))


class WholeSampleThreshold(VectorStrategy):
    """Buy below the median of all bars, from bar 50 on."""

    def target_weights(self, bars):
        return bars.each(lambda one: (one.close < np.median(one.close)) & (np.arange(len(one.close)) >= 50))


class UnclosedBar(VectorStrategy):
    """Buy while the four-hour bar that the hour is part of closes above its open."""

    def target_weights(self, bars):
        def side(one):
            first = np.arange(len(one.close)) // 4 * 4
            last = np.minimum(first + 3, len(one.close) - 1)
            return one.close[last] > one.open[first]

        return bars.each(side)


class LaterLabel(VectorStrategy):
    """Buy where the close is higher a hundred bars later."""

    def target_weights(self, bars):
        def side(one):
            label = np.zeros(len(one.close))
            label[:-100] = one.close[100:] > one.close[:-100]
            return label

        return bars.each(side)


class OnceInAWhile(VectorStrategy):
    """Look a bar ahead at row 300 alone."""

    def target_weights(self, bars):
        weights = np.zeros((len(bars), bars.n))
        if len(bars) > 301:
            weights[300] = bars.close[301] > bars.close[300]
        return weights


class HiddenBefore(VectorStrategy):
    """Look a bar ahead at row 300, which shows in what is held, and at row 150, which these bars do not show."""

    def target_weights(self, bars):
        weights = np.zeros((len(bars), bars.n))
        if len(bars) > 151:
            weights[150] = bars.close[151] > 3.0 * bars.close[150]
        if len(bars) > 301:
            weights[300] = bars.close[301] > 0.0
        return weights


class FarBefore(VectorStrategy):
    """Look a bar ahead from row 200 on, and two hundred bars at row 100."""

    def target_weights(self, bars):
        weights = np.zeros((len(bars), bars.n))
        weights[200:-1] = bars.close[201:] > bars.close[200:-1]
        if len(bars) > 300:
            weights[100] = bars.close[300] > 3.0 * bars.close[100]
        return weights


class BackFilled(VectorStrategy):
    """Fill missing closes from later ones."""

    def target_weights(self, bars):
        close = bars.close[:, 0].copy()
        there = np.flatnonzero(~np.isnan(close))
        place = np.minimum(np.searchsorted(there, np.arange(len(close))), len(there) - 1)
        return (close[there[place]] / 1e4)[:, None]


def test_shifted_close_is_found_at_its_first_bar():
    assert found(ShiftedClose) == (0, 1)


def test_shifted_close_against_an_average_is_found_where_the_average_begins():
    assert found(ShiftedCloseAfterWarmUp) == (19, 1)


def test_centred_window_is_found_at_its_first_full_window_with_half_of_it_ahead():
    assert found(CentredWindow) == (5, 5)


def test_whole_sample_normalisation_is_found_at_the_first_bar_with_all_later_ones_ahead():
    assert found(WholeSample) == (0, None)


def test_whole_sample_threshold_is_found_at_the_first_bar_it_decides():
    assert found(WholeSampleThreshold)[0] == 50


def test_resampled_bar_not_yet_closed_is_found_in_its_first_hour_with_three_ahead():
    assert found(UnclosedBar) == (0, 3)


def test_label_far_ahead_is_found_with_its_distance():
    assert found(LaterLabel) == (0, 100)


def test_single_look_among_hundreds_of_bars_is_found():
    rising = np.linspace(100.0, 200.0, 400)
    assert found(OnceInAWhile, rising) == (300, 1)
    assert found(OnceInAWhile, rising[::-1]) == (300, 1)


def test_look_that_no_decision_shows_is_found_before_one_that_does():
    assert found(HiddenBefore, np.linspace(100.0, 101.0, 400)) == (150, 1)


def test_far_look_that_no_decision_shows_is_found_before_a_near_one_that_does():
    assert found(FarBefore, np.linspace(100.0, 101.0, 400)) == (100, 200)


def test_far_look_that_no_decision_shows_is_found_alone():
    class Far(VectorStrategy):
        def target_weights(self, bars):
            weights = np.zeros((len(bars), bars.n))
            if len(bars) > 300:
                weights[100] = bars.close[300] > 3.0 * bars.close[100]
            return weights

    assert found(Far, np.linspace(100.0, 101.0, 400)) == (100, 200)


def test_filling_from_later_bars_is_found_at_the_first_missing_one():
    assert found(BackFilled, [10.0, 11.0, 12.0, np.nan, np.nan, 13.0, 14.0]) == (3, 2)


def test_instrument_that_looked_ahead_is_told_with_both_values():
    class SecondOnly(VectorStrategy):
        def target_weights(self, bars):
            weights = np.zeros((len(bars), 2))
            weights[2:-1, 1] = np.where(bars.close[3:, 1] > 20.0, 0.5, 0.25)
            return weights

    leak = check(SecondOnly, [1.0] * 6, [10.0, 10.0, 10.0, 30.0, 10.0, 10.0]).leak
    change = leak.change
    assert (change.row, change.column, change.with_all, change.without) == (2, 1, "0.5", "0")
    assert (change.cut, change.how) == (2, "removed")


class Average(VectorStrategy):
    """Hold above the average of ten bars."""

    def target_weights(self, bars):
        return bars.each(lambda one: one.close > rolling_mean(one.close, 10) if len(one.close) >= 10 else one.close * 0)


def test_strategy_of_the_past_is_causal_and_every_cut_was_tried():
    verdict = check(Average, WALK, WALK[::-1])
    assert verdict.leak is None
    assert (verdict.cuts, verdict.rows, verdict.first_cut) == (400, 400, 0)


def test_rounding_of_sums_over_other_lengths_is_no_leak():
    class Normed(VectorStrategy):
        def target_weights(self, bars):
            trend = np.cumsum(bars.close[:, 0])
            return (np.fft.irfft(np.fft.rfft(trend, 1024), 1024)[: len(bars)] / 1e5)[:, None]

    assert check(Normed, WALK).leak is None


def test_time_that_is_up_leaves_cuts_untried_and_says_so():
    verdict = check(Average, WALK, seconds=0.0)
    assert verdict.leak is None
    assert verdict.cuts < verdict.rows


def test_leak_found_without_time_for_what_is_before_it_is_not_called_the_first():
    class Slow(Prober):
        def row_changes(self, row: int, cut: int) -> bool:
            time.sleep(0.2)
            return super().row_changes(row, cut)

    leak = find_leak(Slow(asking(OnceInAWhile), bars_of(WALK)), 0.2).leak
    assert (leak.change.row, leak.exact) == (300, False)


def test_strategy_that_draws_by_chance_is_refused():
    class Dice(VectorStrategy):
        def target_weights(self, bars):
            return np.random.default_rng().random((len(bars), bars.n))

    with pytest.raises(UsageError, match="decides differently each time on the same bars"):
        check(Dice, WALK)


def test_strategy_that_needs_a_few_bars_is_checked_from_there():
    class Needs(VectorStrategy):
        def target_weights(self, bars):
            bars.close[9]
            return np.zeros((len(bars), bars.n))

    verdict = check(Needs, WALK)
    assert (verdict.leak, verdict.first_cut) == (None, 9)
    assert verdict.too_few.startswith("IndexError: index 9 is out of bounds")


def test_strategy_that_fails_on_a_later_beginning_than_it_works_on_is_refused():
    class Odd(VectorStrategy):
        def target_weights(self, bars):
            if len(bars) % 7 == 3:
                raise RuntimeError("no")
            return np.zeros((len(bars), bars.n))

    with pytest.raises(UsageError, match=r"fails on the first 395 bars alone \(RuntimeError: no\)"):
        check(Odd, WALK)


def test_bars_are_left_as_they_were():
    bars = bars_of(WALK)
    before = bars.copy()
    find_leak(Prober(asking(WholeSample), bars), ENOUGH_S)
    assert np.array_equal(bars, before)
