"""Where in a bar an order is priced, and how prices are rounded.

The bar of most tables: open 100, low 96 (the nearer extreme, so it comes first), high 108, close 104. Its path is
4 + 12 + 4 = 20 long and takes 60 s, so at second s of the bar the price has walked s / 3.
"""

from __future__ import annotations

import pytest

from keel.domain.rng_nb import PRICE_PATH, normal_quantile_nb, uniforms_nb

from .candles import check_table

OPEN, BRIDGE, PATH, WORST, REFERENCE = range(5)
BAR = """
    100 100 100 100 9   {weight}
    100 108  96 104 9   .
"""
MARGIN = {"margin_account": True, "initial_margin": 0.1, "shortable": True}


def check_fill(side: str, at_s: int, price: float | str, **settings: object) -> None:
    """Play one order of 5 that reaches the bar `at_s` seconds after its open and check its price."""
    moment = 60 + at_s
    check_table(
        BAR.format(weight=0.5 if side == "buy" else -0.5),
        f"""
        60        SUBMITTED  A  {side} 5
        {moment}  ACCEPTED   A  {side} 5
        {moment}  FILLED     A  {side} 5 @ {price} ref {price}
        """,
        entry_ms=at_s * 1000,
        **MARGIN,
        **settings,
    )


@pytest.mark.parametrize("at_s", [0, 6, 54])
def test_open_model_reads_the_open_at_any_moment(at_s):
    """Rule 9, `open`."""
    check_fill("buy", at_s, 100, price_model=OPEN)


@pytest.mark.parametrize(
    ("at_s", "price"),
    [
        (0, 100),  # x = 0: the open
        (6, 98),  # x = 2 < 4: 100 − 4 × 2/4
        (12, 96),  # x = 4: the low
        (15, 97),  # x = 5: 96 + 12 × 1/12
        (30, 102),  # x = 10: 96 + 12 × 6/12
        (48, 108),  # x = 16: the high
        (54, 106),  # x = 18: 108 − 4 × 2/4
    ],
)
def test_path_model_walks_to_the_nearer_extreme_first(at_s, price):
    """Rule 9, `path`."""
    check_fill("buy", at_s, price, price_model=PATH)


def test_path_model_takes_the_low_first_when_both_extremes_are_equally_near():
    """Rule 9, `path`: open 100, 4 away from both; total 4 + 8 + 4 = 16; at 15 s x = 4: the low, 96."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 104  96 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 5
        75  ACCEPTED   A  buy 5
        75  FILLED     A  buy 5 @ 96
        """,
        price_model=PATH,
        entry_ms=15_000,
    )


def test_path_model_of_a_bar_that_never_moved_is_its_open():
    """Rule 9, `path` and `worst`: a total of 0."""
    for model in (PATH, WORST):
        check_table(
            """
            100 100 100 100 9   0.5
            100 100 100 100 9   .
            """,
            """
            60  SUBMITTED  A  buy 5
            90  ACCEPTED   A  buy 5
            90  FILLED     A  buy 5 @ 100
            """,
            price_model=model,
            entry_ms=30_000,
        )


@pytest.mark.parametrize(
    ("side", "at_s", "price"),
    [
        ("buy", 6, 108),  # both extremes ahead
        ("buy", 30, 108),  # the high ahead
        ("buy", 54, 106),  # none ahead: the path at 54 s is 106, the close 104
        ("sell", 6, 96),  # both extremes ahead
        ("sell", 15, 97),  # the low is past: path 97, high 108, close 104
        ("sell", 30, 102),  # path 102
        ("sell", 54, 104),  # path 106, close 104
    ],
)
def test_worst_model_takes_the_adverse_extreme_of_what_is_left(side, at_s, price):
    """Rule 9, `worst`."""
    check_fill(side, at_s, price, price_model=WORST)


def test_bridge_model_starts_at_the_open():
    """Rule 9, `bridge`: τ = 0."""
    check_fill("buy", 0, 100, price_model=BRIDGE, seed=3)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bridge_model_at_half_time_is_the_first_node(seed):
    """Rule 9, `bridge`: at τ = 1/2 the first halving decides: (100 + 104) / 2 + σ / 2 × z(node 1), kept in [96, 108].

    σ = 12 × 0.6005612043932249, so σ / 2 = 3.6033672263593494. Both sides see the same path.
    """
    u, _ = uniforms_nb(seed, 0, 1, 60_000, 0, PRICE_PATH, 1)
    price = min(max(102 + 3.6033672263593494 * normal_quantile_nb(u), 96.0), 108.0)
    for side in ("buy", "sell"):
        check_fill(side, 30, repr(price), price_model=BRIDGE, seed=seed)


FINE = """
    60   75   100 102  99 101
    75   90   101 101  96  97
    105  120  103 108 103 104
"""


@pytest.mark.parametrize(
    ("at_s", "price"),
    [
        (0, 100),  # the first finer bar's open
        (5, "299/3"),  # 1/3 into it; its path takes the low first: 1 + 3 + 1 = 5, x = 5/3: 99 + 3 × (2/3)/3
        (15, 101),  # the second finer bar's open, not the first's close
        (30, 103),  # none covers 90 s to 105 s: the next one's open
        (45, 103),
    ],
)
def test_reference_model_reads_the_finer_bar_of_the_moment(at_s, price):
    """Rule 9, `reference`."""
    check_fill("buy", at_s, price, price_model=REFERENCE, fine=FINE)


def test_reference_model_without_a_finer_bar_left_reads_the_close():
    """Rule 9, `reference`: the finer bars end at 75 s, the order comes at 90 s."""
    check_fill("buy", 30, 104, price_model=REFERENCE, fine="60 75 100 102 99 101")


def test_reference_model_does_not_read_finer_bars_of_the_next_bar():
    """Rule 9, `reference`: the next finer bar opens at 120 s, where this bar ends: the close."""
    check_fill("buy", 30, 104, price_model=REFERENCE, fine="120 135 99 99 99 99")


def test_reference_model_stays_in_the_bar():
    """Rule 9, `reference`: a finer bar that opens at 120 outside [96, 108] counts as 108."""
    check_fill("buy", 30, 108, price_model=REFERENCE, fine="90 105 120 120 120 120")


@pytest.mark.parametrize(
    ("side", "reference", "price"),
    [
        ("buy", "100.01", "100.05"),
        ("buy", "100.05", "100.05"),  # on the grid it stays
        ("sell", "100.04", "100"),
        ("sell", "100.05", "100.05"),
    ],
)
def test_price_is_rounded_to_the_tick_against_us(side, reference, price):
    """Rules 12, 19: up for a buy, down for a sell; the difference is the rounding cost, never below zero."""
    check_table(
        f"""
        100 100 100 100 9   {0.5 if side == "buy" else -0.5}
        {reference} 101 99 100 9   .
        """,
        f"""
        60  SUBMITTED  A  {side} 5
        60  ACCEPTED   A  {side} 5
        60  FILLED     A  {side} 5 @ {price}  ref {reference}  spread 0  impact 0
        """,
        tick="0.05",
        **MARGIN,
    )


def test_sale_that_would_round_to_nothing_fills_at_one_tick():
    """Rule 12: 0.03 rounds down to 0 on a tick of 0.05: sold at 0.05 instead."""
    check_table(
        """
        0.05 0.05 0.05 0.05 9   -0.5
        0.03 0.05 0.03 0.05 9   .
        """,
        """
        60  SUBMITTED  A  sell 10000
        60  ACCEPTED   A  sell 10000
        60  FILLED     A  sell 10000 @ 0.05  ref 0.03
        """,
        tick="0.05",
        **MARGIN,
    )
