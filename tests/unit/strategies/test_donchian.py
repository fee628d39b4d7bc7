"""Channel breakout against values worked out by hand; `panel_of` makes high and low equal to the close."""

from __future__ import annotations

import numpy as np
import pytest
from made_panels import panel_of
from pydantic import ValidationError

from keel.domain.layout import BAR, BAR_PRESENT
from keel.strategies.donchian import DonchianBreakout
from keel.strategies.panel import BarPanel

CLOSES = [5.0, 6.0, 5.5, 7.0, 6.5, 6.0, 5.0, 6.0, 7.5]


def sides(closes, **params):
    strategy = DonchianBreakout(DonchianBreakout.Params(**params))
    return strategy.target_weights(panel_of(closes))[:, 0].tolist()


def test_break_of_the_entry_channel_is_held_until_the_exit_channel_breaks():
    # highest of the 3 before:  -    -    -    6    7    7    7    6.5  6
    # lowest of the 2 before:   -    -    5    5.5  5.5  6.5  6    5    5
    # close                     5    6    5.5  7    6.5  6    5    6    7.5
    assert sides(CLOSES, entry=3, exit=2) == [0, 0, 0, 1, 1, 0, 0, 0, 1]


def test_break_downward_is_held_short_until_the_upper_exit_channel_breaks():
    # lowest of the 3 before:   -    -    -    5    5.5  5.5  6    5    5    -> short from 5
    # highest of the 2 before:  -    -    6    6    7    7    6.5  6    6    -> back at 7.5
    assert sides(CLOSES, entry=3, exit=2, allow_short=True) == [0, 0, 0, 1, 1, 0, -1, -1, 1]


def test_bar_itself_is_not_part_of_its_channel_and_equality_is_no_break():
    assert sides([1, 2, 2, 2, 3, 2, 1], entry=2, exit=2) == [0, 0, 0, 0, 1, 1, 0]


def test_channels_are_made_of_highs_and_lows():
    bars = np.zeros((4, 1), BAR)
    bars["flags"] = BAR_PRESENT
    for name, values in {"high": [9, 9, 9, 9], "low": [1, 1, 1, 1], "close": [5, 6, 8, 9.5]}.items():
        bars[name][:, 0] = values
    strategy = DonchianBreakout(DonchianBreakout.Params(entry=2, exit=2))
    assert strategy.target_weights(BarPanel(bars, ("A",)))[:, 0].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("params", [{"entry": 1}, {"exit": 1}, {"entry": 10, "exit": 11}, {"entry": 100_001}])
def test_nonsense_parameters_are_refused(params):
    with pytest.raises(ValidationError):
        DonchianBreakout.Params(**params)
