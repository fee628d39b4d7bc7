"""Which points a search proposes: from space, seed and scores alone."""

from __future__ import annotations

import pytest

from keel.backtest.search.proposals import BATCH, propose
from keel.backtest.search.space import Point, read_space
from keel.domain.errors import UsageError

SPACE = read_space(["a=0..100", "b=1e-3..1 log", "c=x,y", "d=1:9:2"])


def played(method: str, trials: int, seed: int, score) -> list[list[Point]]:
    """Return the batches of a search whose points score as given."""
    proposals = propose(SPACE, method, trials, seed)
    batches = [next(proposals)]
    try:
        while True:
            batches.append(proposals.send([score(point) for point in batches[-1]]))
    except StopIteration:
        return batches


def nearness(point: Point) -> float:
    return -abs(float(point[0]) - 70.0)


def test_grid_is_every_combination_in_the_order_written():
    (batch,) = [next(propose(read_space(["a=2,1", "b=x,y"]), "grid", None, 0))]
    assert batch == [("2", "x"), ("2", "y"), ("1", "x"), ("1", "y")]


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_draws_depend_on_the_seed_alone(method):
    first, again, other = (played(method, 20, seed, nearness) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert sum(map(len, first)) == 20


def test_draws_lie_in_the_space():
    for a, b, c, d in played("random", 60, 1, nearness)[0]:
        assert a.lstrip("-").isdigit()
        assert 0 <= int(a) <= 100
        assert 1e-3 <= float(b) <= 1
        assert c in "xy"
        assert d in ("1", "3", "5", "7", "9")


def test_random_search_is_one_batch_for_it_learns_from_no_score():
    assert [len(batch) for batch in played("random", 20, 3, nearness)] == [20]


def test_tpe_asks_in_batches_of_one_size_whoever_works():
    assert [len(batch) for batch in played("tpe", 20, 3, nearness)] == [BATCH, BATCH, 20 - 2 * BATCH]


def test_tpe_learns_from_scores():
    late = [nearness(point) for batch in played("tpe", 80, 3, nearness)[6:] for point in batch]
    blind = [nearness(point) for batch in played("tpe", 80, 3, lambda _: 0.0)[6:] for point in batch]
    assert sum(late) / len(late) > sum(blind) / len(blind) + 5


def test_tpe_moves_away_from_points_that_could_not_be_run():
    """A fifth of the space can be run: draws that learn nothing from refusals find it in a quarter of the trials."""

    def narrow(point: Point) -> float | None:
        return None if int(point[0]) < 80 else float(point[0])

    late = [point for seed in range(3) for batch in played("tpe", 48, seed, narrow)[2:] for point in batch]
    assert sum(int(point[0]) >= 80 for point in late) > len(late) / 2


@pytest.mark.parametrize(
    ("method", "trials", "says"),
    [
        ("grid", None, "--param a: a span has no grid"),
        ("random", None, "needs --trials"),
        ("tpe", 0, "needs --trials"),
    ],
)
def test_what_a_method_cannot_do_is_refused(method, trials, says):
    with pytest.raises(UsageError, match=says):
        propose(SPACE, method, trials, 0)


def test_grid_takes_no_number_of_trials_and_has_a_limit():
    with pytest.raises(UsageError, match="a grid tries all its 2 points"):
        propose(read_space(["a=1,2"]), "grid", 5, 0)
    with pytest.raises(UsageError, match="more than 100,000"):
        propose(read_space(["a=1:1000:1", "b=1:1000:1"]), "grid", None, 0)
