"""Every reason is explained."""

from __future__ import annotations

from keel.domain.orders import Reason
from keel.report.reasons import REASON_WORDS, reason_words


def test_every_reason_but_none_has_its_line():
    assert set(REASON_WORDS) == set(Reason) - {Reason.NONE}
    assert all(line.endswith(".") and len(line) < 70 for line in REASON_WORDS.values())


def test_a_reason_is_found_by_the_name_that_metrics_give_it():
    assert reason_words("linked_fill") == "Its partner of a pair was filled."
    assert reason_words("of another version") == reason_words("none") == ""
