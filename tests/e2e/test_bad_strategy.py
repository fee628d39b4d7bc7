from __future__ import annotations

import pytest

from .desk import Desk

VECTOR = "class S(VectorStrategy):\n    def target_weights(self, bars):\n        "
EVENT = "class S(EventStrategy):\n    def on_bar(self, context):\n        "
BAD_ROW = "w = np.zeros((len(bars), bars.n)); w[3] = {}; return w"
OWN_PARAMS = """
class S(VectorStrategy):
    class Params(StrategyParams):
        bars: int
    def target_weights(self, bars):
        return np.zeros((len(bars), bars.n))
"""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (VECTOR + "return [[0.0]] * len(bars)", ["returned list", "shape (300, 1)"]),
        (VECTOR + "return np.zeros(len(bars))", ["shape (300,)", "shape (300, 1)"]),
        (VECTOR + "return np.full((len(bars), 1), '0.5')", ["<U3", "real numbers"]),
        (VECTOR + "return np.full((len(bars), 1), 0.5 + 1j)", ["complex128", "real numbers"]),
        (VECTOR + "return np.full((len(bars), 1), np.datetime64('2020-01-01'))", ["datetime64", "real numbers"]),
        (VECTOR + BAD_ROW.format("np.nan"), ["returned nan for ACME/USDT at row 3 (2021-01-01T04:00:00 UTC)"]),
        (VECTOR + BAD_ROW.format("-np.inf"), ["returned -inf for ACME/USDT at row 3"]),
        (VECTOR + "raise RuntimeError('one\\ntwo')", ["RuntimeError: one two", "logs/errors.log"]),
        (VECTOR + "sys.exit(0)", ["SystemExit: 0"]),
        (VECTOR + "bars.close[:] *= 2.0", ["read-only"]),
        (EVENT + "raise KeyError('gone')", ["2021-01-01T01:00:00 UTC", "KeyError: 'gone'", "logs/errors.log"]),
        (EVENT + "context.set_target('ACME/USDT', float('nan'))", ["weight for ACME/USDT is nan"]),
        (EVENT + "context.set_target('ACME/USDT', 'half')", ["must be real number, not str"]),
        (EVENT + "context.set_target('ACME', 1.0)", ["'ACME' is not among this run's symbols: ACME/USDT"]),
        (EVENT + "return {'ACME/USDT': 1.0}", ["on_bar returned dict", "context.set_target"]),
        (EVENT + "sys.exit(0)", ["SystemExit: 0"]),
    ],
)
def test_strategy_that_fails_or_answers_nonsense_is_named_and_leaves_no_result(
    desk: Desk, body: str, told: list[str]
) -> None:
    line = desk.refused(desk.strategy(body))
    assert "mine:S" in line
    assert all(part in line for part in told), line


def test_traceback_of_a_strategy_is_kept_where_the_line_says(desk: Desk) -> None:
    line = desk.refused(desk.strategy(VECTOR + "raise RuntimeError('one')"), "--set", "run.logs_dir=own")
    assert "own/errors.log" in line
    trace = (desk.folder / "own" / "errors.log").read_text()
    assert "Traceback" in trace
    assert "mine.py" in trace


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("class T(VectorStrategy): pass", ["module mine has no S", "it has T"]),
        ("class S: pass", ["not a strategy", "subclass VectorStrategy or EventStrategy"]),
        ("class S(EventStrategy):\n    on_bar = None\n    def __init__(self, p): raise OSError('no')", ["OSError: no"]),
        ("class S(EventStrategy):\n    on_bar = None\n    class Params: pass", ["Params must subclass StrategyParams"]),
        ("class (", ["module mine does not import", "SyntaxError"]),
        ("sys.exit(0)", ["module mine does not import", "SystemExit"]),
        ("import nowhere", ["module mine does not import", "No module named 'nowhere'"]),
    ],
)
def test_class_that_is_no_strategy_is_refused_by_key(desk: Desk, body: str, told: list[str]) -> None:
    line = desk.refused(desk.strategy(body))
    assert line.startswith("strategy.class: ")
    assert all(part in line for part in told), line


def test_module_that_is_nowhere_is_refused_with_where_it_is_looked_for(desk: Desk) -> None:
    line = desk.refused("--set", "strategy.class=nowhere:S")
    assert line.startswith("strategy.class: module nowhere does not import")
    assert "PYTHONPATH" in line


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, "config.yaml:5: missing key 'strategy.params.bars': it has no default"),
        ({"bars": "many"}, "--set strategy.params.bars: strategy.params.bars: expected a whole number, got 'many'"),
        (
            {"bars": 3, "bar": 4},
            "--set strategy.params.bar: unknown key 'strategy.params.bar': nearest right key is 'strategy.params.bars'",
        ),
    ],
)
def test_params_of_a_plug_in_are_checked_by_its_own_class(desk: Desk, params: dict[str, object], told: str) -> None:
    chosen = desk.strategy(OWN_PARAMS)
    sets = [part for key, value in params.items() for part in ("--set", f"strategy.params.{key}={value}")]
    assert desk.refused(chosen, *sets).startswith(told)


def test_params_that_cannot_go_together_are_refused(desk: Desk) -> None:
    line = desk.refused("--set", "strategy.params.short=30")
    assert line == "config.yaml:5: strategy.params: short (30) must be below long (20)"
