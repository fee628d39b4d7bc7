"""Strategies of strategies."""

from __future__ import annotations

import numpy as np
import pytest
from made_panels import panel_of
from pydantic import ValidationError

from keel.strategies.combination import Vote, Weighted
from keel.strategies.port import StrategyParams, VectorStrategy


class Fixed(VectorStrategy):
    """Return the weights it was made with."""

    def __init__(self, *weights: object) -> None:
        super().__init__(StrategyParams())
        self.weights = np.array(weights)

    def target_weights(self, bars):
        return self.weights


BARS = panel_of([1.0], [1.0])


def named(count: int, **each: list) -> dict:
    members = [{"class": "a:B", "name": f"m{i}"} | {key: of[i] for key, of in each.items()} for i in range(count)]
    return {"members": tuple(members)}


def weighted(weights: list, *members: VectorStrategy) -> list:
    params = Weighted.Params.model_validate(named(len(members), weight=weights))
    return Weighted(params, members).target_weights(BARS).tolist()


def votes(needed: int | None, *members: VectorStrategy) -> list:
    params = Vote.Params.model_validate(named(len(members)) | {"needed": needed})
    return Vote(params, members).target_weights(BARS).tolist()


LONG, MIXED, SHORT, FLAT = Fixed([0.5, 0.5]), Fixed([0.1, -0.1]), Fixed([-0.5, -0.5]), Fixed([0.0, 0.0])


def test_each_member_manages_its_fraction_of_equity():
    assert weighted([0.5, 0.25], Fixed([1.0, 0.0]), Fixed([0.4, -0.4])) == [[0.6, -0.1]]


def test_members_without_a_weight_share_equally():
    assert weighted([None, None], Fixed([1.0, 0.0]), Fixed([0.5, 0.5])) == [[0.75, 0.25]]


def test_more_than_half_of_the_votes_decide_whatever_the_size_of_the_weights():
    assert votes(None, LONG, MIXED, SHORT) == [[0.5, -0.5]]
    assert votes(None, LONG, SHORT, FLAT) == [[0, 0]]
    assert votes(None, LONG, SHORT) == [[0, 0]]


def test_votes_needed_can_be_fewer_or_all_and_a_tie_is_flat():
    assert votes(1, LONG, FLAT, FLAT) == [[0.5, 0.5]]
    assert votes(1, LONG, SHORT, FLAT) == [[0, 0]]
    assert votes(3, LONG, LONG, MIXED) == [[0.5, 0]]


def test_every_members_own_weights_are_told_by_name():
    params = Weighted.Params.model_validate({"members": ({"class": "a:B", "name": "first"}, {"class": "a.b:Cee"})})
    told = Weighted(params, [LONG, FLAT]).member_weights(BARS)
    assert {name: weights.tolist() for name, weights in told.items()} == {"first": [[0.5, 0.5]], "Cee": [[0.0, 0.0]]}


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (([0.5],), r"member m1 returned shape \(1, 1\), not \(1, 2\)"),
        (([0.5, np.nan],), "member m1 returned NaN or inf"),
    ],
)
def test_member_that_answers_nonsense_is_named(weights, told):
    with pytest.raises(ValueError, match=told):
        votes(None, LONG, Fixed(*weights))


@pytest.mark.parametrize(
    ("combination", "params", "told"),
    [
        (Weighted, {"members": ()}, "at least 1"),
        (Weighted, {"members": ({"class": "a:B"}, {"class": "c:B"})}, "2 members are called B: give each a name"),
        (Weighted, {"members": ({"class": "B"},)}, "module:Class"),
        (Weighted, {"members": ({"class": "a:B", "weight": 0.0},)}, "greater than 0"),
        (Vote, {"members": ({"class": "a:B", "weight": 0.5},)}, "not permitted"),
        (Vote, {"members": ({"class": "a:B"},), "needed": 2}, "2 votes of 1 members cannot be reached"),
    ],
)
def test_nonsense_parameters_are_refused(combination, params, told):
    with pytest.raises(ValidationError, match=told):
        combination.Params.model_validate(params)
