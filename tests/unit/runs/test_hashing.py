from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.domain.layout import EVENT
from keel.domain.orders import EventKind
from keel.runs.hashing import FILL_FIELDS, canonical_hash, canonical_json, config_hash

PINNED = "27a2c4084441c3dd88ba717c05c893e23918c9a96a38457018dfd79af7c3385a"
METRICS: dict[str, Any] = {"return": 0.1, "trades": {"count": 3, "win_rate": math.nan}}


def _tape() -> np.ndarray:
    tape = np.zeros(3, EVENT)
    tape["kind"] = [EventKind.SUBMITTED, EventKind.FILLED, EventKind.FILLED]
    for name in FILL_FIELDS:
        tape[name] = [1, 2, 3]
    return tape


def test_the_hash_is_pinned_so_that_it_stays_the_same_between_versions() -> None:
    assert canonical_hash(METRICS, _tape()) == PINNED


@pytest.mark.parametrize("field", FILL_FIELDS)
def test_the_last_bit_of_any_fill_field_changes_the_hash(field: str) -> None:
    tape = _tape()
    value = tape[field][2]
    tape[field][2] = np.nextafter(value, np.inf) if value.dtype.kind == "f" else value + 1
    assert canonical_hash(METRICS, tape) != canonical_hash(METRICS, _tape())


def test_events_that_are_no_fills_do_not_count() -> None:
    tape = _tape()
    tape["qty"][0] = 99.0
    tape["known_row"] = 1
    assert canonical_hash(METRICS, tape) == canonical_hash(METRICS, _tape())


def test_the_last_bit_of_a_metric_changes_the_hash() -> None:
    other = METRICS | {"return": math.nextafter(0.1, 1.0)}
    assert canonical_hash(other, _tape()) != canonical_hash(METRICS, _tape())


def test_the_order_of_keys_and_numpy_wrappers_do_not_matter() -> None:
    other = {"trades": {"win_rate": np.float64(math.nan), "count": np.int64(3)}, "return": np.float64(0.1)}
    assert canonical_hash(other, _tape()) == canonical_hash(METRICS, _tape())


@given(st.floats())
def test_floats_are_written_by_their_shortest_exact_form(number: float) -> None:
    text = canonical_json(number)
    assert np.float64(text).tobytes() == np.float64(number).tobytes() or math.isnan(number)


def test_config_hash_covers_what_json_lacks() -> None:
    assert config_hash({"tick": Decimal("0.01")}) == config_hash({"tick": "0.01"})
    assert config_hash({"tick": Decimal("0.01")}) != config_hash({"tick": Decimal("0.1")})
