"""What we know, and when: responses, lost ones and queries."""

from __future__ import annotations

import pytest

from keel.domain.rng_nb import RESPONSE_JITTER, uniforms_nb

from .candles import check_table

ONE_ORDER = """
    100 100 100 100 9   0.5
    100 110 100 110 9   .
    110 110 110 110 9   .
    110 110 110 110 9   .
"""


def test_local_book_learns_of_a_fill_when_its_response_is_due():
    """Rule 5: filled at 60 s, known at 150 s: at 120 s the venue's equity is 500 + 550, ours still 1000."""
    played = check_table(
        ONE_ORDER,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5         known 150
        60   FILLED     A  buy 5 @ 100   known 150
        """,
        response_ms=90_000,
    )
    assert played.equity == [1000, 1050, 1050, 1050]
    assert played.local_equity == [1000, 1000, 1050, 1050]


def test_response_due_at_a_close_is_known_at_that_decision():
    """Rule 5: 60 + 60 = 120 s is ≤ the decision of 120 s."""
    played = check_table(
        ONE_ORDER,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5         known 120
        60   FILLED     A  buy 5 @ 100   known 120
        """,
        response_ms=60_000,
    )
    assert played.local_equity == [1000, 1050, 1050, 1050]


def test_nothing_is_sent_twice_while_a_fill_is_unknown():
    """Rules 5, 6: under every_bar the need of 120 s is 0.5 × 1000 / 110 − 5 live < 0: a cancel, too late for the fill.

    At 180 s the fill is known: 0.5 × 1050 / 110 = 4.77…: on a step of 1 a need of 0.
    """
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 110 100 110 9   0.5
        110 110 110 110 9   0.5
        110 110 110 110 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        """,
        response_ms=90_000,
        every_bar=True,
        step="1",
    )
    assert played.position == [5]


def test_lost_responses_are_asked_for_until_the_retries_end():
    """Rule 13: every answer takes 100 s, the patience is 20 s: 1 attempt and 2 queries are lost, each counts 20 s.

    ACCEPTED and FILLED are known at 60 + 60 = 120 s; 3 timeouts each.
    """
    played = check_table(
        ONE_ORDER,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5         known 120
        60   FILLED     A  buy 5 @ 100   known 120
        """,
        response_ms=100_000,
        timeout_ms=20_000,
        retries=2,
    )
    assert played.timeouts == 6


def test_answer_in_just_the_patience_is_not_lost():
    """Rule 13: an attempt above timeout_ms is lost, one of exactly timeout_ms is not."""
    played = check_table(
        ONE_ORDER,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5         known 80
        60   FILLED     A  buy 5 @ 100   known 80
        """,
        response_ms=20_000,
        timeout_ms=20_000,
        retries=2,
    )
    assert played.timeouts == 0


def test_no_answer_is_lost_without_a_timeout():
    """Rule 13: timeout 0 is none."""
    played = check_table(
        ONE_ORDER,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5         known 160
        60   FILLED     A  buy 5 @ 100   known 160
        """,
        response_ms=100_000,
        retries=5,
    )
    assert played.timeouts == 0


def spikes(seed: int, event: int, attempt: int) -> bool:
    """Draw whether an attempt to answer an event of the order born with the bar that opens at 0 s is a spike (rule
    13).
    """
    _, u = uniforms_nb(seed, 0, 1, 0, 0, RESPONSE_JITTER, event * 16 + attempt)
    return u < 0.5


def first_seed(*wanted: tuple[int, int, bool]) -> int:
    """Find the first seed whose draws are (event, attempt, spike?)."""
    return next(seed for seed in range(1000) if all(spikes(seed, n, a) == spike for n, a, spike in wanted))


def test_query_brings_the_answer_that_was_lost():
    """Rule 13: each first answer spikes to 100 s against a patience of 20 s; each query takes 1 s: 21 s after the
    event.
    """
    seed = first_seed((0, 0, True), (0, 1, False), (1, 0, True), (1, 1, False))
    played = check_table(
        ONE_ORDER,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5         known 81
        60   FILLED     A  buy 5 @ 100   known 81
        """,
        seed=seed,
        response_ms=1000,
        spike_probability=0.5,
        spike_multiplier=100,
        timeout_ms=20_000,
        retries=3,
    )
    assert played.timeouts == 2


def test_later_answer_never_overtakes_an_earlier_one():
    """Rule 13: ACCEPTED answers after 100 s, FILLED would after 1 s: it is known together with the first, at 160 s."""
    seed = first_seed((0, 0, True), (1, 0, False))
    check_table(
        ONE_ORDER,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5         known 160
        60   FILLED     A  buy 5 @ 100   known 160
        """,
        seed=seed,
        response_ms=1000,
        spike_probability=0.5,
        spike_multiplier=100,
    )


def test_exposure_of_an_order_without_an_answer_stays_reserved():
    """Rules 7, 13: 9 of A are filled at 60 s, known at 160 s. At 120 s 900 of 1000 are still reserved: B gets 100.

    The fill cost 810, so the venue would have had 190.
    """
    check_table(
        """
        100 100 100 100 9  0.9  |  50 50 50 50 9  .
        90   90  90  90 9  .    |  50 50 50 50 9  0.5
        90   90  90  90 9  .    |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 9
        60   ACCEPTED   A  buy 9
        60   FILLED     A  buy 9 @ 90   known 160
        120  SUBMITTED  B  buy 2  BUYING_POWER
        120  ACCEPTED   B  buy 2
        120  FILLED     B  buy 2 @ 50
        """,
        response_ms=100_000,
    )


@pytest.mark.parametrize(("response_ms", "resend"), [(0, 180), (90_000, 240)])
def test_rejection_is_known_when_its_response_comes(response_ms, resend):
    """Rules 5, 6, 14: refused at 150 s. A new target of 180 s is sent at once if we know; else the dead order is
    still live to us.

    It exceeds the 5 now wanted, so its cancel is requested; when the rejection is known, at 240 s, the 5 follow.
    """
    check_table(
        """
        100 100 100 100 99  0.9
        120 120 120 120 99  .
        120 120 120 120 99  0.6
        120 120 120 120 99  .
        120 120 120 120 99  .
        120 120 120 120 99  .
        """,
        f"""
        60            SUBMITTED  A  buy 9
        150           REJECTED   A  buy 9  INSUFFICIENT_FUNDS
        {resend}      SUBMITTED  A  buy 5
        {resend + 90} ACCEPTED   A  buy 5
        {resend + 90} FILLED     A  buy 5 @ 120
        """,
        entry_ms=90_000,
        response_ms=response_ms,
        step="1",
    )
