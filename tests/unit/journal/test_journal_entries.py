"""Every entry comes back from JSON exactly as it went in; what is malformed or another version's is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_entries import TICKET, fill, intent

from keel.domain.layout import EVENT, ORDER
from keel.domain.orders import TradingState
from keel.domain.venue_messages import (
    CancelResult,
    LiveBar,
    OrderReport,
    OrderState,
    Outcome,
    StreamState,
    SubmitResult,
    VenueStatus,
)
from keel.journal.codec import MalformedError
from keel.journal.entries import (
    BarsSeen,
    CancelAnswered,
    ClockDrift,
    Decision,
    Entry,
    FaultSeen,
    FillBooked,
    LatchSet,
    Level,
    Note,
    OrderIntent,
    ReportHeard,
    SessionEnded,
    StreamChanged,
    SubmitAnswered,
)
from keel.journal.kinds import KINDS, read_entry


def record_of(dtype: np.dtype, seed: int) -> np.void:
    rng = np.random.default_rng(seed)
    record = np.zeros(1, dtype)
    for name in dtype.names or ():
        whole = dtype[name].kind == "i"
        record[name] = rng.integers(-100, 100) if whole else rng.standard_normal() * 10.0 ** rng.integers(-300, 300)
    return record[0]


st.register_type_strategy(np.void, st.builds(record_of, st.sampled_from([ORDER, EVENT]), st.integers(0, 2**32)))


def shown(entry: Entry) -> str:
    """Return what tells two entries apart: NaN equals nothing, itself included, and any mapping may come in."""
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return repr({name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()})


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_entry_comes_back_exactly(kind: type[Entry], data: st.DataObject):
    given_fields = {field.name: ... for field in fields(kind)}
    entry = data.draw(st.builds(kind, **given_fields))
    body = entry.to_json()
    back = read_entry(entry.kind, body)
    assert shown(back) == shown(entry)
    assert back.to_json() == body
    assert type(back) is kind
    json.loads(body, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_floats_that_json_lacks_come_back():
    entry = Decision(1, {"A": math.nan, "B": math.inf, "C": -math.inf, "D": None, "E": -0.0, "F": 0.1 + 0.2}, {}, 1.0)
    back = read_entry("Decision", entry.to_json()).weights
    assert math.isnan(back["A"])
    assert (back["B"], back["C"], back["D"]) == (math.inf, -math.inf, None)
    assert math.copysign(1, back["E"]) == -1
    assert back["F"] == 0.30000000000000004


def test_money_is_written_as_decimal_text_with_its_zeros():
    body = json.loads(intent(7).to_json())
    assert body["ticket"]["limit_price"] == "43210.10"
    assert body["ticket"]["qty"] == "0.00100000"
    assert read_entry("OrderIntent", intent(7).to_json()).ticket.qty.as_tuple() == TICKET.qty.as_tuple()


def test_numbers_of_numpy_are_taken_as_what_they_are():
    bar = LiveBar("A", *(np.int64(1), np.int64(2)), *(np.float64(0.1) for _ in range(5)), closed=np.bool_(1))
    assert read_entry("BarsSeen", BarsSeen(np.int64(3), (bar,)).to_json()) == BarsSeen(3, (bar,))


def test_half_of_a_character_pair_costs_no_entry():
    assert read_entry("FaultSeen", FaultSeen("stream", "\ud800 broken").to_json()).text == "\ud800 broken"


@pytest.mark.parametrize(
    ("kind", "body", "what"),
    [
        ("Nothing", "{}", "no kind of entry"),
        ("Note", "{", "Note"),
        ("Note", "[]", "mapping"),
        ("Note", '{"text":"x","colour":"red"}', "has no colour"),
        ("Note", "{}", "lacks text"),
        ("Note", '{"text":5}', "expected text"),
        ("Note", '{"text":"x","level":"loud"}', "loud"),
        ("SessionEnded", '{"why":"x","exit_code":true}', "whole number"),
        ("SessionEnded", '{"why":"x","exit_code":1.5}', "whole number"),
        ("BookAdjusted", '{"name":"x","before":"1,5","after":"2","why":""}', "BookAdjusted"),
        ("BookAdjusted", '{"name":"x","before":1.5,"after":"2","why":""}', "expected text"),
        ("LatchSet", '{"latch":"x","state":"ASLEEP","why":""}', "ASLEEP"),
        ("StreamChanged", '{"stream":"x","state":"sideways","reason":""}', "sideways"),
    ],
)
def test_malformed_body_is_refused_by_name(kind: str, body: str, what: str):
    with pytest.raises(MalformedError, match=what):
        read_entry(kind, body)


def test_record_of_another_layout_is_refused():
    ticket = json.loads(OrderIntent(TICKET, 1).to_json())["ticket"]
    record = {"layout": "ORDER", "id": 1}
    with pytest.raises(MalformedError, match="another version's ORDER"):
        read_entry("OrderIntent", json.dumps({"ticket": ticket | {"record": record}, "order_id": 1, "why": ""}))


def test_missing_field_with_a_default_takes_it():
    assert read_entry("SessionEnded", '{"why":"asked"}') == SessionEnded("asked")


def test_free_text_is_cleaned_and_names_are_not():
    state = OrderState(
        *("BTCUSDT", "secret-id", "9"), TICKET.side, TICKET.type, VenueStatus.REJECTED,
        *(Decimal(1), Decimal(0), None, None), 5, "secret reason",
    )  # fmt: skip
    body = ReportHeard(OrderReport(state, 5)).to_json(lambda text: text.replace("secret", "***"))
    assert '"client_order_id":"secret-id"' in body
    assert '"reason":"*** reason"' in body


def test_levels_tell_what_asks_for_eyes():
    def answered(outcome: Outcome) -> Level:
        return SubmitAnswered("A", "k1", SubmitResult(outcome), 1.0).level

    assert [answered(one) for one in Outcome] == [Level.INFO, Level.WARN, Level.ERROR, Level.WARN]
    assert CancelAnswered("A", "k1", CancelResult(Outcome.REFUSED, already_final=True), 1.0).level is Level.INFO
    assert [ClockDrift(ms, 200.0, 1000.0).level for ms in (-199.0, -200.0, 1000.0, math.nan)] == [
        *(Level.INFO, Level.WARN, Level.ERROR, Level.ERROR)
    ]
    assert [StreamChanged("bars", state, "").level for state in StreamState] == [Level.INFO, Level.WARN, Level.WARN]
    assert [SessionEnded("x", code).level for code in (0, 4)] == [Level.INFO, Level.ERROR]
    assert (LatchSet("daily", TradingState.REDUCING, "x").level, Note("x").level) == (Level.ERROR, Level.INFO)
    assert Note("x", level=Level.WARN).level is Level.WARN


def test_columns_know_the_symbol_and_the_order():
    assert (intent(5).subject, intent(5).order_name) == ("BTCUSDT", "k5")
    assert (fill("1", "ETHUSDT").subject, fill("1").order_name) == ("ETHUSDT", "k1")
    assert (Note("x").subject, Note("x").order_name) == ("", None)
    assert isinstance(fill("1"), FillBooked)
