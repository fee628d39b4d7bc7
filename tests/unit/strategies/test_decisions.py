"""What a strategy returns is checked before anything is played with it."""

from __future__ import annotations

import numpy as np
import pytest

from keel.domain.errors import UsageError
from keel.domain.layout import BAR, BAR_PRESENT
from keel.strategies.decisions import count_signals, decide_all, name_of
from keel.strategies.panel import BarPanel
from keel.strategies.port import StrategyParams, VectorStrategy

NAN = float("nan")


class Returning(VectorStrategy):
    """Return a value, whatever it is."""

    def __init__(self, value: object) -> None:
        super().__init__(StrategyParams())
        self.value = value

    def target_weights(self, bars: BarPanel) -> object:
        return self.value


def panel(rows: int = 3, n: int = 2) -> BarPanel:
    bars = np.zeros((rows, n), BAR)
    bars["flags"] = BAR_PRESENT
    bars["close_ts_ms"] = 1_609_459_200_000 + 3_600_000 * np.arange(rows)[:, None]
    return BarPanel(bars, tuple(f"S{i}" for i in range(n)))


def refusal(value: object) -> str:
    with pytest.raises(UsageError) as caught:
        decide_all(Returning(value), panel())
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("test_decisions:Returning.target_weights returned ")
    return line


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "NoneType"),
        ([[0.0] * 2] * 3, "list"),
        (0.5, "float"),
        (np.zeros(3), "shape (3,)"),
        (np.zeros((2, 3)), "shape (2, 3)"),
        (np.zeros((4, 2)), "shape (4, 2)"),
        (np.zeros((3, 2, 1)), "shape (3, 2, 1)"),
    ],
)
def test_anything_but_a_weight_for_each_row_and_instrument_is_refused_with_the_shape_asked_for(value, found):
    line = refusal(value)
    assert f"returned {found}:" in line
    assert "shape (3, 2)" in line


@pytest.mark.parametrize("dtype", ["U3", "O", "complex128", "datetime64[s]"])
def test_weights_that_are_not_real_numbers_are_refused(dtype):
    assert "return real numbers" in refusal(np.zeros((3, 2)).astype(dtype))


@pytest.mark.parametrize(("bad", "shown"), [(NAN, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_first_weight_that_is_not_finite_is_named_by_instrument_row_and_time(bad, shown):
    weights = np.zeros((3, 2))
    weights[1, 1] = weights[2, 0] = bad
    assert f"{shown} for S1 at row 1 (2021-01-01T01:00:00 UTC)" in refusal(weights)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_, np.uint8])
def test_real_numbers_of_any_kind_become_float64(dtype):
    weights = decide_all(Returning(np.eye(3, 2, dtype=dtype)), panel())
    assert weights.dtype == np.float64
    assert weights.flags.c_contiguous
    assert weights.tolist() == np.eye(3, 2).tolist()


def test_weights_in_column_order_are_laid_out_by_rows():
    weights = decide_all(Returning(np.asfortranarray(np.arange(6.0).reshape(3, 2))), panel())
    assert weights.flags.c_contiguous
    assert weights.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_what_a_strategy_raises_goes_up_as_it_is():
    class Failing(VectorStrategy):
        def target_weights(self, bars: BarPanel) -> np.ndarray:
            raise ZeroDivisionError("its own")

    with pytest.raises(ZeroDivisionError, match="its own"):
        decide_all(Failing(StrategyParams()), panel())


def test_strategy_is_named_as_the_config_names_it():
    assert name_of(Returning(None)) == "test_decisions:Returning"


def signals(*weights: list[float], missing: tuple[tuple[int, int], ...] = ()) -> dict[str, int]:
    given = np.array(weights)
    present = np.ones(given.shape, bool)
    for at in missing:
        present[at] = False
    return count_signals(given, present)


def test_raised_weight_is_a_buy_and_lowered_a_sell():
    # From 0: up, same, down, down below 0, up.
    assert signals([0.5], [0.5], [0.2], [-0.1], [0.0]) == {"buy": 2, "sell": 2, "hold": 1}


def test_no_new_target_is_a_hold_and_the_last_one_stays():
    # 0.5, nothing, 0.5 again: one buy.
    assert signals([0.5], [NAN], [0.5], [NAN]) == {"buy": 1, "sell": 0, "hold": 3}


def test_instruments_are_counted_apart():
    assert signals([0.5, -0.5], [0.5, 0.5]) == {"buy": 2, "sell": 1, "hold": 1}


def test_missing_bars_do_not_count():
    # The weight given without a bar is no decision: 0.5 → 0.7 is one buy.
    assert signals([0.5], [0.1], [0.7], missing=((1, 0),)) == {"buy": 2, "sell": 0, "hold": 0}


def test_no_bars_have_no_signals():
    assert count_signals(np.zeros((0, 2)), np.zeros((0, 2), bool)) == {"buy": 0, "sell": 0, "hold": 0}
