"""Latency at its edges: small jitter, a draw at the very probability, an answer at the very timeout."""

from __future__ import annotations

import pytest

from keel.domain.rng_nb import ENTRY_JITTER, uniforms_nb

from .candles import check_table

_, SECOND = uniforms_nb(0, 0, 1, 0, 0, ENTRY_JITTER, 0)
"""What decides over the spike of the first order of instrument A in the bar that opens at 0."""


def test_jitter_of_less_than_a_millisecond_is_added():
    """Rule 13: 1000 + 0.5 × exp(0) is 1000.5, and that 1001 whole milliseconds."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60      SUBMITTED  A  buy 5
        61.001  ACCEPTED   A  buy 5
        61.001  FILLED     A  buy 5 @ 100
        """,
        "0  buy 5 A",
        entry_ms=1000.0,
        jitter_ms=0.5,
        response_ms=0.0,
    )


@pytest.mark.parametrize(("probability", "arrival"), [(SECOND, "61"), (SECOND * (1 + 1e-12), "63")])
def test_spike_comes_below_its_probability(probability: float, arrival: str):
    """Rule 13: a draw of the probability itself makes none."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        f"""
        60         SUBMITTED  A  buy 5
        {arrival}  ACCEPTED   A  buy 5
        {arrival}  FILLED     A  buy 5 @ 100
        """,
        "0  buy 5 A",
        entry_ms=1000.0,
        spike_probability=probability,
        spike_multiplier=3.0,
    )


@pytest.mark.parametrize(("response_ms", "timeouts"), [(1000.0, 0), (1001.0, 2)])
def test_answer_at_the_timeout_is_in_time(response_ms: float, timeouts: int):
    """Rule 13: two answers come, each after 1 s; one that takes longer is lost and known then."""
    played = check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 5
        60  ACCEPTED   A  buy 5  known 61
        60  FILLED     A  buy 5 @ 100  known 61
        """,
        "0  buy 5 A",
        response_ms=response_ms,
        timeout_ms=1000,
    )
    assert played.timeouts == timeouts
