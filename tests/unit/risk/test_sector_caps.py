"""What the targets of a sector may come to: what is added is cut, what is there and what closes is not."""

from __future__ import annotations

import numpy as np
import pytest

from keel.domain.errors import UsageError
from keel.domain.layout import REQUEST
from keel.domain.orders import RequestKind
from keel.risk.sector_caps import SectorCaps, accepted, refuse_own_orders

CAPS = SectorCaps.of(["tech", "oil", "tech", "tech"], 0.3, {"oil": 0.1})
ALL = np.ones(4, np.bool_)
FLAT = np.zeros(4)
NAN = np.nan


def clip(weights: list[float], last: list[float] | None = None, present: np.ndarray = ALL) -> list[float]:
    return CAPS.clip(np.array(weights), FLAT if last is None else np.array(last), present).tolist()


def test_targets_within_their_caps_are_left_to_the_last_bit():
    assert clip([0.1, 0.1, 0.1, 0.1]) == [0.1, 0.1, 0.1, 0.1]
    assert clip([0.3, -0.1, 0.0, NAN])[:3] == [0.3, -0.1, 0.0]


def test_a_sector_is_cut_by_one_factor_and_its_own_cap_goes_before_the_common_one():
    assert clip([0.3, 0.2, 0.1, 0.2]) == pytest.approx([0.15, 0.1, 0.05, 0.1])


def test_shorts_count_as_much_as_longs():
    assert clip([0.3, -0.2, -0.3, 0.0]) == pytest.approx([0.15, -0.1, -0.15, 0.0])


def test_only_what_is_added_is_cut_so_a_cap_sells_nothing():
    assert clip([0.2, 0.0, 0.2, 0.0], [0.2, 0.0, 0.0, 0.0]) == pytest.approx([0.2, 0.0, 0.1, 0.0])
    assert clip([0.25, 0.0, 0.0, 0.0], [0.5, 0.0, 0.0, 0.0]) == [0.25, 0.0, 0.0, 0.0], "what closes passes"
    assert clip([0.5, 0.0, 0.1, 0.0], [0.5, 0.0, 0.0, 0.0]) == [0.5, 0.0, 0.0, 0.0], "above the cap nothing is added"


def test_what_has_no_new_target_keeps_its_place_in_the_sector():
    cut = clip([0.3, NAN, NAN, 0.1], [0.0, 0.0, 0.2, 0.0])
    assert cut[0] == pytest.approx(0.075)
    assert cut[3] == pytest.approx(0.025)
    assert np.isnan(cut[1:3]).all()


def test_an_instrument_without_a_bar_keeps_what_was_accepted_last():
    present = np.array([True, True, False, True])
    assert clip([0.3, 0.0, 0.0, 0.0], [0.0, 0.0, 0.2, 0.0], present)[0] == pytest.approx(0.1)


def test_turning_over_adds_the_whole_of_the_other_side():
    assert clip([-0.3, 0.0, 0.2, 0.0], [0.3, 0.0, 0.0, 0.0]) == pytest.approx([-0.18, 0.0, 0.12, 0.0])


def drawn(seed: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return target weights, weights accepted before, and which bars are there, (rows, 4) each."""
    rng = np.random.default_rng(seed)
    values = np.array([NAN, 0.0, 0.005, 0.1, 0.3, 1.12049441, -0.1, -0.7])
    weights = np.where(rng.random((rows, 4)) < 0.5, rng.choice(values, (rows, 4)), rng.normal(0, 0.2, (rows, 4)))
    return weights, rng.normal(0, 0.2, (rows, 4)), rng.random((rows, 4)) < 0.8


def test_no_sector_ever_comes_to_more_than_its_cap_and_no_target_to_more_than_was_wanted():
    weights, _, present = drawn(1)
    last = np.zeros(4)
    for row, held in enumerate(CAPS.clip_rows(weights, present)):
        before, last = last, accepted(held, last, present[row])
        for place, cap in enumerate(CAPS.caps):
            assert np.abs(last[CAPS.sectors == place]).sum() <= cap * (1 + 1e-9)
        wanted = weights[row]
        given = present[row] & ~np.isnan(wanted)
        assert np.array_equal(np.isnan(held), np.isnan(wanted))
        assert (np.abs(held[given]) <= np.abs(wanted[given]) * (1 + 1e-12)).all()
        kept = given & (wanted * before > 0)
        assert (np.abs(held[kept]) >= np.minimum(np.abs(wanted[kept]), np.abs(before[kept]))).all()


def test_what_was_cut_is_not_cut_again():
    weights, _, present = drawn(2)
    cut = CAPS.clip_rows(weights, present)
    assert CAPS.clip_rows(cut, present).tobytes() == cut.tobytes()


def test_many_environments_at_once_get_the_bits_of_each_alone():
    weights, last, present = drawn(3)
    together = CAPS.clip(weights, last, present)
    alone = [CAPS.clip(*each) for each in zip(weights, last, present, strict=True)]
    assert together.tobytes() == np.array(alone).tobytes()


def test_what_was_cut_is_told_by_sector():
    before, after = np.array([0.4, 0.2, 0.2, NAN]), np.array([0.2, 0.1, 0.1, NAN])
    assert CAPS.told(("AAPL", "XOM", "MSFT", "IBM"), before, after) == [
        "sector tech is at its cap of 0.3: AAPL 0.4 to 0.2, MSFT 0.2 to 0.1",
        "sector oil is at its cap of 0.1: XOM 0.2 to 0.1",
    ]


def test_orders_of_a_strategy_s_own_are_refused_and_cancels_are_not():
    requests = np.zeros(1, REQUEST)
    requests["kind"] = RequestKind.CANCEL
    refuse_own_orders(requests)
    refuse_own_orders(None)
    requests["kind"] = RequestKind.NEW
    with pytest.raises(UsageError, match=r"risk\.sectors: sector caps act on target weights"):
        refuse_own_orders(requests)
