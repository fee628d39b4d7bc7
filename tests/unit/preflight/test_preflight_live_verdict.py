"""What a live start may do after its checks, and what it says is left open."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from keel.domain.clock import WallClock
from keel.domain.errors import GateRefusedError
from keel.domain.orders import OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import (
    OrderReport,
    OrderState,
    OrderTicket,
    Outcome,
    SubmitResult,
    VenueFill,
    VenueStatus,
)
from keel.journal.entries import (
    BookAdjusted,
    Entry,
    FillBooked,
    OrderIntent,
    OrderResolved,
    ReportHeard,
    SubmitAnswered,
)
from keel.journal.journal import Journal
from keel.preflight.check import CheckResult, CheckStatus
from keel.preflight.exposure import Exposure
from keel.preflight.journal_book import exposure_of_entries, journal_exposure
from keel.preflight.verdict import left_open, refuse_start, restart_verdict

PASSED = CheckResult("python", CheckStatus.PASS, "fine")
WARNED = CheckResult("fees", CheckStatus.WARN, "low", "mend")
SOFT = CheckResult("disk", CheckStatus.FAIL, "full", "free some", soft=True)
HARD = CheckResult("keys", CheckStatus.FAIL, "not set", "export them")
NOTHING = Exposure()
OPEN = Exposure(("0.5 BTC at binance",))


@pytest.mark.parametrize(
    ("results", "exposure", "verdict"),
    [
        ([], NOTHING, "trade"),
        ([PASSED, WARNED], NOTHING, "trade"),
        ([PASSED, WARNED], OPEN, "trade"),
        ([PASSED, SOFT], OPEN, "reduce"),
        ([PASSED, SOFT], Exposure(unknown="no answer"), "reduce"),
        ([PASSED, SOFT], NOTHING, "refuse"),
        ([HARD], NOTHING, "refuse"),
        ([SOFT, HARD], OPEN, "refuse"),
    ],
)
def test_only_soft_failures_with_something_open_reduce(
    results: list[CheckResult], exposure: Exposure, verdict: str
) -> None:
    assert restart_verdict(results, exposure) == verdict


def test_a_refusal_names_each_failure_its_mend_and_all_that_is_left_open() -> None:
    known = Exposure(("0.5 BTC at binance",), ("order k1: SELL 0.1 BTC/USDT, working",), "no answer")
    refusal = refuse_start([PASSED, WARNED, SOFT, HARD], known)
    assert isinstance(refusal, GateRefusedError)
    assert refusal.exit_code == 3
    assert str(refusal) == (
        "the run does not start: disk: full (free some); keys: not set (export them). LEFT OPEN, with nobody watching: "
        "0.5 BTC at binance; order k1: SELL 0.1 BTC/USDT, working; what else is open is not known: no answer"
    )
    assert left_open([HARD], NOTHING) == ""


def test_a_refused_second_instance_does_not_claim_that_nobody_watches() -> None:
    locked = CheckResult("lock", CheckStatus.FAIL, "process 7 has it", "stop it")
    told = str(refuse_start([PASSED, locked], OPEN))
    assert told.endswith(". OPEN, and whoever has the lock may be watching: 0.5 BTC at binance")
    assert "nobody" not in told
    free = CheckResult("lock", CheckStatus.PASS, "free")
    assert "with nobody watching" in str(refuse_start([free, HARD], OPEN))


def ticket(name: str, side: OrderSide = OrderSide.BUY) -> OrderTicket:
    return OrderTicket(
        name, "BTC/USDT", side, OrderType.LIMIT, TimeInForce.GTC, Decimal("0.10"), 0, limit_price=Decimal(100)
    )


def answered(name: str, outcome: Outcome) -> SubmitAnswered:
    return SubmitAnswered("BTC/USDT", name, SubmitResult(outcome), 1.0)


def reported(name: str, status: VenueStatus) -> ReportHeard:
    qty = Decimal("0.1")
    state = OrderState("BTC/USDT", name, "7", OrderSide.BUY, OrderType.LIMIT, status, qty, qty, None, None, 0)
    return ReportHeard(OrderReport(state, 0))


def filled(trade: str, side: OrderSide, qty: str, fee: str, currency: str = "BTC") -> FillBooked:
    amounts = (Decimal(qty), Decimal(100), Decimal(fee))
    return FillBooked(VenueFill(trade, "BTC/USDT", "k1", "7", side, *amounts, currency, maker=False, ts_ms=0))


ENDINGS: list[tuple[list[Entry], bool]] = [
    ([], True),
    ([answered("k1", Outcome.DONE)], True),
    ([answered("k1", Outcome.UNKNOWN)], True),
    ([answered("k1", Outcome.REFUSED)], False),
    ([answered("k1", Outcome.NOT_SENT)], False),
    ([reported("k1", VenueStatus.PARTIAL)], True),
    ([reported("k1", VenueStatus.FILLED)], False),
    ([reported("k1", VenueStatus.CANCELED)], False),
    ([OrderResolved("BTC/USDT", "k1", "adopted", "")], True),
    ([OrderResolved("BTC/USDT", "k1", "not_sent", "")], False),
    ([OrderResolved("BTC/USDT", "k1", "canceled", "")], False),
    ([filled("1", OrderSide.BUY, "0.09", "0")], True),
    ([filled("1", OrderSide.BUY, "0.09", "0"), filled("2", OrderSide.BUY, "0.01", "0")], False),
]


@pytest.mark.parametrize(("entries", "is_open"), ENDINGS, ids=lambda value: str(value)[:60])
def test_an_order_is_open_until_the_journal_knows_its_end(entries: list[Entry], is_open: bool) -> None:
    known = exposure_of_entries([OrderIntent(ticket("k1"), 1), *entries])
    left = "0.01" if any(isinstance(entry, FillBooked) for entry in entries) else "0.1"
    assert known.orders == ((f"order k1: BUY {left} BTC/USDT, its end is not known",) if is_open else ())


def test_a_position_is_the_sum_of_the_fills_less_fees_kept_from_it() -> None:
    bought = filled("1", OrderSide.BUY, "0.5", "0.0005")
    sold = filled("2", OrderSide.SELL, "0.2", "0.02", "USDT")
    assert exposure_of_entries([bought, sold]).positions == ("0.2995 BTC by the journal",)
    set_right = BookAdjusted("BTC/USDT", Decimal("0.2995"), Decimal(0), "the venue has none")
    assert not exposure_of_entries([bought, sold, set_right]).is_open
    assert not exposure_of_entries([BookAdjusted("USDT", Decimal(1), Decimal(2), "deposit")]).is_open


def test_a_real_journal_is_read_and_one_that_is_not_there_has_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "live-binance-practice.journal.sqlite"
    assert journal_exposure(path) == Exposure()
    assert not path.exists()
    with Journal.open(path, clock=WallClock(), redact=str) as journal:
        journal.append([OrderIntent(ticket("k1"), 1), filled("1", OrderSide.BUY, "0.05", "0")])
    known = journal_exposure(path)
    assert known.lines == ("0.05 BTC by the journal", "order k1: BUY 0.05 BTC/USDT, its end is not known")


def test_a_journal_that_is_none_is_refused(tmp_path: Path) -> None:
    from keel.domain.errors import KeelError

    path = tmp_path / "x.journal.sqlite"
    path.write_text("not a database, but long enough to look at its head " * 20)
    with pytest.raises(KeelError, match=r"x\.journal\.sqlite"):
        journal_exposure(path)
