"""What --param says: lists, ranges and spans, and one clear line for what it cannot."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.backtest.search.space import Span, assignments, read_space
from keel.domain.errors import UsageError


def one(text: str):
    (parameter,) = read_space([text])
    return parameter


def test_list_keeps_its_values_as_written():
    assert one("strategy.params.short=10, 020,1e-3").values == ("10", "020", "1e-3")
    assert one("execution.rebalance=on_change,every_bar").values == ("on_change", "every_bar")


def test_list_may_hold_lists():
    assert one("data.symbols=[A,B],[A]").values == ("[A,B]", "[A]")


def test_range_has_both_ends_and_exact_decimals():
    assert one("a=10:50:20").values == ("10", "30", "50")
    assert one("a=0.1:0.5:0.1").values == ("0.1", "0.2", "0.3", "0.4", "0.5")
    assert one("a=-1:1:1").values == ("-1", "0", "1")


@given(st.integers(-1000, 1000), st.integers(0, 50), st.integers(1, 9))
def test_range_steps_evenly_and_never_passes_its_end(low, steps, by):
    values = [Decimal(value) for value in one(f"a={low}:{low + steps * by + by // 2}:{by}").values]
    assert values == [low + i * by for i in range(steps + 1)]


def test_span_knows_whole_numbers_and_logarithms():
    assert one("a=5..60").span == Span(5.0, 60.0, whole=True, log=False)
    assert one("a=0.1..0.5").span == Span(0.1, 0.5, whole=False, log=False)
    assert one("a=1e-4..1e-2 log").span == Span(1e-4, 1e-2, whole=False, log=True)


def test_only_rising_numbers_have_neighbours():
    assert one("a=10,20,30").is_ordered()
    assert not one("a=30,20").is_ordered()
    assert not one("a=10,x").is_ordered()
    assert not one("a=10").is_ordered()


def test_assignments_are_overrides_of_a_config():
    assert assignments(read_space(["a.b=1,2", "c=x,y"]), ("2", "x")) == ("a.b=2", "c=x")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a", "write KEY=VALUES"),
        ("a=", "write KEY=VALUES"),
        ("a=1,,2", "cannot be read"),
        ("a=1:2", "cannot be read"),
        ("a=1..x", "cannot be read"),
        ("a=1,1", "there twice"),
        ("a=5:1:1", "is empty"),
        ("a=1:5:0", "step above 0"),
        ("a=0:1:1e-9", "larger step"),
        ("a=5..1", "is empty"),
        ("a=0..1 log", "numbers above 0"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_mend(text, says):
    with pytest.raises(UsageError, match=says):
        read_space([text])


def test_key_given_twice_and_no_key_at_all_are_refused():
    with pytest.raises(UsageError, match="given twice"):
        read_space(["a=1", "a=2"])
    with pytest.raises(UsageError, match="nothing to search"):
        read_space([])
