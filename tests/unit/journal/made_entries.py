"""Entries for the journal's tests, and programs that write them until they are stopped."""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from keel.domain.clock import WallClock
from keel.domain.orders import OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import OrderTicket, VenueFill
from keel.journal.entries import Entry, FillBooked, Note, OrderIntent
from keel.journal.journal import Journal
from keel.journal.reading import JournalReader

TICKET = OrderTicket(
    client_order_id="k0",
    symbol="BTCUSDT",
    side=OrderSide.BUY,
    type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    qty=Decimal("0.00100000"),
    decided_ts_ms=1_700_000_000_000,
    limit_price=Decimal("43210.10"),
)


def fork() -> int:
    """Fork; other threads of the test's process are not the child's concern, which only appends or waits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def opened(path: Path) -> Journal:
    return Journal.open(path, clock=WallClock(), redact=str)


def intent(order_id: int) -> OrderIntent:
    return OrderIntent(replace(TICKET, client_order_id=f"k{order_id}"), order_id, "because")


def fill(trade_id: str, symbol: str = "BTCUSDT") -> FillBooked:
    return FillBooked(
        VenueFill(
            trade_id=trade_id,
            symbol=symbol,
            client_order_id="k1",
            venue_order_id="17",
            side=OrderSide.BUY,
            qty=Decimal("0.00100000"),
            price=Decimal("43210.10"),
            fee=Decimal("0.00000100"),
            fee_currency="BTC",
            maker=True,
            ts_ms=1_700_000_000_123,
        )
    )


def numbered(seq: int) -> Entry:
    """Return the entry that stands at `seq` of a journal of numbered entries; some are longer than a page."""
    return Note(f"entry {seq} " + "x" * (seq * 37 % 900))


def write_numbered(path: Path, batches: int, *, sessions: int = 1, snapshots: bool = False) -> None:
    """Append numbered entries in batches of 1 to 4, and say the number of the last one that is promised."""
    for _ in range(sessions):
        with opened(path) as journal:
            for batch in range(batches):
                first = journal.last_seq + journal.waiting + 1
                if batch % 3 == 0:
                    journal.append_lazily(numbered(first))
                    first += 1
                promised = journal.append([numbered(seq) for seq in range(first, first + 1 + batch % 4)])
                os.write(1, f"{promised}\n".encode())
                if snapshots and batch % 5 == 0:
                    journal.save_snapshot(promised, {"seq": promised}, "test")
                    journal.flush()
            if snapshots:
                os.write(1, f"{journal.save_copy().name}\n".encode())


def check_numbered(journal: Journal | JournalReader, promised: int) -> None:
    """Check that a journal holds the numbered entries from the first on, without a gap, at least those promised."""
    found = [(recorded.seq, recorded.entry) for recorded in journal.entries()]
    assert found == [(seq, numbered(seq)) for seq in range(1, len(found) + 1)]
    assert len(found) >= promised
    snapshot = journal.newest_snapshot() if isinstance(journal, Journal) else None
    assert snapshot is None or snapshot.state == {"seq": snapshot.seq}


if __name__ == "__main__":
    write_numbered(Path(sys.argv[1]), int(sys.argv[2]), sessions=int(sys.argv[3]), snapshots=True)
