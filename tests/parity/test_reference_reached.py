"""The generated cases run every line of the reference: what it can do, they compare."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from .case import Case
from .reference import simulate
from .sample import sampled_outcomes

FILES = sorted(Path(__file__).parent.glob("reference*.py"))
BY_ROUND_OFF_ONLY = {"price = bar.close"}
"""The end of a walk whose last part has no length: the fraction of a bar that has passed stays below 1."""


def functions_of(code: CodeType) -> Iterator[CodeType]:
    """Return the functions in compiled source, and those in them."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            is_class = "__qualname__" in inner.co_names
            if not is_class:
                yield inner
            yield from functions_of(inner)


Function = tuple[str, int, str]
"""File, first line and name: what a function is known by while it runs."""


def name_of(code: CodeType) -> Function:
    return code.co_filename, code.co_firstlineno, code.co_name


def lines_of(files: list[Path]) -> dict[Function, set[int]]:
    """Return the lines that do something, by function."""
    found: dict[Function, set[int]] = {}
    for path in files:
        for function in functions_of(compile(path.read_text(encoding="utf-8"), str(path), "exec")):
            lines = {line for *_, line in function.co_lines() if line is not None}
            found.setdefault(name_of(function), set()).update(lines - {function.co_firstlineno})
    return found


def lines_never_run(cases: list[Case]) -> list[str]:
    """Simulate cases on the reference; return the text of the lines that none of them comes to."""
    left = lines_of(FILES)

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        lines = left.get(name_of(frame.f_code))
        if lines and event == "line":
            lines.discard(frame.f_lineno)
        return trace if lines else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for case in cases:
            simulate(case)
    finally:
        sys.settrace(before)
    return [Path(name).read_text().splitlines()[n - 1].strip() for (name, *_), lines in left.items() for n in lines]


def test_the_cases_run_every_line_of_the_reference():
    assert set(lines_never_run([case for case, _ in sampled_outcomes()])) == BY_ROUND_OFF_ONLY


def test_lines_that_are_never_run_are_found():
    calm = next(case for case, out in sampled_outcomes() if not out.events)
    assert len(lines_never_run([calm])) > 200
