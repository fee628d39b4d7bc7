"""Tapes that somebody has tampered with: each edit breaks one property, and its check has to see it.

An edit looks at one event of a correct simulation and says what to write instead, or None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from parity.case import Bar
from parity.reference import Outcome
from parity.reference_state import Event
from parity.sample import sampled_outcomes

from .played import Played, Story

Edit = Callable[[Played, Event], "dict[str, Any] | list[Event] | None"]
MOST_TRIED = 5
"""Tampered tapes, each of another case, that a check has to see through."""


def bar_of(played: Played, e: Event) -> Bar:
    bar = played.case.rows[e.row].bars[e.instrument]
    assert bar is not None
    return bar


def story_of(played: Played, e: Event) -> Story:
    return played.stories[e.order_id]


def tampered(edit: Edit) -> list[Played]:
    """Return simulations of which one event was edited, dropped or doubled."""
    return list(islice(_tampered(edit), MOST_TRIED))


def _tampered(edit: Edit) -> Iterator[Played]:
    for case, outcome in sampled_outcomes():
        found = _first_edit(Played(case, outcome), edit)
        if found is not None:
            yield Played(case, found)


def _first_edit(played: Played, edit: Edit) -> Outcome | None:
    outcome = played.outcome
    for n, e in enumerate(outcome.events):
        change = edit(played, e)
        if change is not None:
            instead = [replace(e, **change)] if isinstance(change, dict) else change
            return replace(outcome, events=[*outcome.events[:n], *instead, *outcome.events[n + 1 :]])
    return None


def with_other_ends(change: Callable[[Played], dict[str, Any] | None]) -> list[Played]:
    """Return simulations of which the marks or the end were edited."""
    found = []
    for case, outcome in sampled_outcomes():
        fields = change(Played(case, outcome))
        if fields is not None:
            found.append(Played(case, replace(outcome, **fields)))
        if len(found) == MOST_TRIED:
            break
    return found
