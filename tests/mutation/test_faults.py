"""The generator makes the faults it is meant to make, and each is found where it can be."""

from __future__ import annotations

import ast

import pytest
from tables.test_stops import test_stop_is_triggered_inside_the_bar as a_table

from .faults import DROPPED, FLIPPED, NUDGED, SIGN, Module
from .interpreter import Interpreter, interpreted, parsed_sources
from .ledger import listed

SOURCE = '''
"""A module."""
from keel.domain.layout import VENUE
from keel.domain.orders import Reason

_SLACK = 1e-9

@compiled
def check_nb(slot, qty):
    """Say why not."""
    if qty < 0.0 and not slot.open:
        return Reason.NONE
    slot.total += -slot.qty[VENUE]
'''


def module_of(source: str) -> Module:
    return Module("keel.made_nb", "keel/made_nb.py", ast.parse(source), 0)


def faults_of(source: str, operator: str) -> list[tuple[str, str]]:
    return [(each.before, each.after) for each in module_of(source).faults() if each.operator == operator]


def test_comparisons_are_made_looser_and_turned_round():
    before = "if qty < 0.0 and (not slot.open):"
    assert faults_of(SOURCE, FLIPPED) == [
        (before, "if qty <= 0.0 and (not slot.open):"),
        (before, "if qty >= 0.0 and (not slot.open):"),
    ]


def test_constants_are_nudged_wherever_they_stand():
    assert faults_of(SOURCE, NUDGED) == [
        ("_SLACK = 1e-09", f"_SLACK = {1e-9 * 1000.0}"),
        ("_SLACK = 1e-09", "_SLACK = 0.0"),
        ("if qty < 0.0 and (not slot.open):", "if qty < 1.0 and (not slot.open):"),
        ("return Reason.NONE", "return Reason.KILL_SWITCH"),
        ("slot.total += -slot.qty[VENUE]", "slot.total += -slot.qty[1]"),
    ]


def test_signs_are_changed():
    before = "if qty < 0.0 and (not slot.open):"
    assert faults_of(SOURCE, SIGN) == [
        (before, "if qty < 0.0 or not slot.open:"),
        (before, "if qty < 0.0 and slot.open:"),
        ("slot.total += -slot.qty[VENUE]", "slot.total -= -slot.qty[VENUE]"),
        ("slot.total += -slot.qty[VENUE]", "slot.total += slot.qty[VENUE]"),
    ]


def test_lines_are_dropped_but_not_docstrings_and_imports():
    assert [before for before, _ in faults_of(SOURCE, DROPPED)] == [
        "if qty < 0.0 and (not slot.open):",
        "return Reason.NONE",
        "slot.total += -slot.qty[VENUE]",
    ]


def test_a_key_does_not_change_with_the_line():
    moved = SOURCE.replace("_SLACK", "# A comment.\n\n_SLACK", 1)
    assert [each.key for each in module_of(moved).faults()] == [each.key for each in module_of(SOURCE).faults()]


def test_equal_looking_faults_of_a_function_have_keys_of_their_own():
    source = "@compiled\ndef f_nb(a):\n    a.x = 0\n    a.y = 1\n    a.x = 0\n"
    keys = [each.key for each in module_of(source).faults()]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("line", "alike"),
    [
        ("x = a if a < b else b", True),
        ("x = b if a < b else a", True),
        ("x = a if a < b else c", False),
        ("if a < b:\n        a = b", True),
        ("if a < b:\n        a = c", False),
    ],
)
def test_only_a_choice_between_equals_is_harmless_by_its_form(line: str, alike: bool):
    faults = module_of(f"@compiled\ndef f_nb(a, b, c, x):\n    {line}\n").faults()
    strictness = {each.after: bool(each.harmless) for each in faults if each.operator == FLIPPED}
    assert [told for after, told in strictness.items() if "<=" in after] == [alike]
    assert not any(told for after, told in strictness.items() if ">=" in after)


@pytest.mark.parametrize(
    ("function", "before", "after"),
    [
        (
            "_trigger_nb",
            "if direction * (seen - order.trigger_price) >= 0.0:",
            "if direction * (seen - order.trigger_price) < 0.0:",
        ),
        ("_pull_trigger_nb", "event.price = price", "pass"),
    ],
)
def test_a_fault_put_into_the_interpreter_is_found_by_a_table(function: str, before: str, after: str):
    trees = parsed_sources()
    name = "keel.sim.looks_nb"
    module = Module(name, "keel/sim/looks_nb.py", trees[name], 0)
    interpreter = Interpreter(trees)
    shown = (function, before, after)
    (fault,) = [each for each in module.faults() if (each.function, each.before, each.after) == shown]
    with interpreted(interpreter):
        a_table()
        fault.edit.apply()
        interpreter.replace(name, module.functions[function])
        with pytest.raises(AssertionError):
            a_table()


def test_every_fault_that_is_listed_as_harmless_has_its_reason():
    anywhere, by_function = listed()
    assert len(by_function) > 100
    assert all(len(reason.split()) > 3 for reason in (*anywhere.values(), *by_function.values()))
    assert all(" -> " in change for change in (*anywhere, *(change for _, _, change in by_function)))
