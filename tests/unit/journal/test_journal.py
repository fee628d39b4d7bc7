"""What is appended stays, in order and once; texts are clean; names of orders never repeat."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from made_entries import fill, intent, numbered, opened
from sqlalchemy import create_engine

from keel.domain.clock import WallClock
from keel.domain.errors import GateRefusedError, UsageError
from keel.domain.ids import ClientOrderId, DrawKey
from keel.journal import migrations, schema
from keel.journal.entries import Alarm, FaultSeen, Level, Note, SessionStarted
from keel.journal.journal import MOST_TEXT, Journal
from keel.journal.names import JournalName, journals_in
from keel.journal.reading import JournalReader, Selection
from keel.journal.refusals import JournalError


class SetClock(WallClock):
    """Tell the times it is set to."""

    market_ms = 1_000
    ours_ms = 5_000

    def now_ms(self) -> int:
        return self.market_ms

    def wall_ms(self) -> int:
        return self.ours_ms


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live.journal.sqlite"


def seqs(journal: Journal, selection: Selection) -> list[int]:
    return [recorded.seq for recorded in journal.entries(selection)]


def test_entries_come_back_in_order_with_their_times_and_session(path):
    clock = SetClock()
    entries = [Note("one"), intent(1), fill("7")]
    with Journal.open(path, clock=clock, redact=str) as journal:
        assert journal.append(entries) == 3
        found = list(journal.since(0))
    assert [recorded.entry for recorded in found] == entries
    assert {(one.ts_ms, one.wall_ms, one.session) for one in found} == {(1_000, 5_000, 1)}
    with opened(path) as journal:
        assert journal.session == 2
        journal.append([Note("two")])
        assert [(one.seq, one.session) for one in journal.since(2)] == [(3, 1), (4, 2)]


def test_noted_entries_come_before_what_is_appended_after_them(path):
    clock = SetClock()
    with Journal.open(path, clock=clock, redact=str) as journal:
        journal.append_lazily(Note("heard"))
        assert (journal.waiting, list(journal.since(0))) == (1, [])
        clock.market_ms = 2_000
        assert journal.append([intent(1)]) == 2
        assert [(one.entry.kind, one.ts_ms) for one in journal.since(0)] == [("Note", 1_000), ("OrderIntent", 2_000)]
        journal.append_lazily(Note("later"))
        assert (journal.flush(), journal.waiting) == (3, 0)
        assert journal.flush() == 3
        journal.append_lazily(Note("last"))
    with opened(path) as journal:
        assert journal.last_seq == 4


def test_intent_is_never_only_noted(path):
    with opened(path) as journal, pytest.raises(ValueError, match="nothing is sent"):
        journal.append_lazily(intent(1))


def test_tag_stays_and_order_numbers_go_on_after_a_restart(path):
    with opened(path) as journal:
        tag, first = journal.tag, journal.next_order_id
        journal.append([intent(first), intent(first + 1)])
        assert journal.next_order_id == first + 2 == 3
        str(ClientOrderId(tag, DrawKey(1, 2, 3), first))
    with opened(path) as journal:
        assert (journal.tag, journal.next_order_id) == (tag, 3)


def test_two_journals_have_different_tags(tmp_path):
    tags = set()
    for number in range(5):
        with opened(tmp_path / f"{number}.journal.sqlite") as journal:
            tags.add(journal.tag)
    assert len(tags) == 5


def test_trade_is_booked_once_whatever_happens(path):
    with opened(path) as journal:
        journal.append([fill("7")])
        assert journal.has_fill("BTCUSDT", "7")
        assert not journal.has_fill("ETHUSDT", "7")
        with pytest.raises(JournalError, match="unique"):
            journal.append([Note("with it"), fill("7")])
        assert journal.last_seq == 1
        with pytest.raises(JournalError, match="trade 7 of BTCUSDT is booked already"):
            journal.append_lazily(fill("7"))
        journal.append_lazily(fill("8"))
        with pytest.raises(JournalError, match="trade 8"):
            journal.append_lazily(fill("8"))
        assert journal.append([fill("7", "ETHUSDT")]) == 3
    with opened(path) as journal:
        assert [one.entry.fill.trade_id for one in journal.since(0)] == ["7", "8", "7"]
        with pytest.raises(JournalError):
            journal.append([fill("8")])


def test_order_number_is_used_once(path):
    with opened(path) as journal:
        journal.append([intent(1)])
        with pytest.raises(JournalError, match="unique"):
            journal.append([intent(1)])
        assert journal.append([intent(journal.next_order_id)]) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = 'x'",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries SELECT * FROM entries WHERE seq = 1",
        "INSERT INTO entries SELECT 0, ts_ms, wall_ms, session, kind, level, subject, NULL, NULL, NULL, body, checksum"
        " FROM entries WHERE seq = 1",
        "UPDATE about SET tag = 'x'",
        "DELETE FROM about",
        "INSERT INTO about VALUES ('x', 'y', 1)",
    ],
)
def test_database_itself_refuses_to_change_what_is_written(path, statement):
    with opened(path) as journal:
        journal.append([Note("a"), Note("b")])
        with closing(sqlite3.connect(path)) as other, pytest.raises(sqlite3.IntegrityError, match="append-only"):
            other.execute(statement)
        assert seqs(journal, Selection()) == [1, 2]


def test_writer_is_set_to_sync_every_commit(path):
    with opened(path) as journal:
        settings = {name: journal._connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in schema._WRITER}
    assert (settings["journal_mode"], settings["synchronous"], settings["fullfsync"]) == ("wal", 2, 1)


def test_setting_that_does_not_hold_is_refused(path, monkeypatch):
    with opened(path):
        pass
    monkeypatch.setitem(schema._WRITER, "synchronous", "7")
    with pytest.raises(GateRefusedError, match="cannot be kept safe: synchronous is 0 instead of 7"):
        opened(path)


def test_secrets_never_reach_the_file_and_long_texts_are_cut_after_them(path):
    secret = "abcdef" + "0123456789"
    text = "y" * (MOST_TEXT - 8) + secret + "z" * 5_000
    with Journal.open(path, clock=WallClock(), redact=lambda text: text.replace(secret, "[redacted]")) as journal:
        journal.append([FaultSeen("stream", text), Alarm(f"key {secret}"), Note("n" * MOST_TEXT)])
        journal.append([SessionStarted("run", "c", f"code {secret}", "binance", "practice", dry_run=True)])
        fault, alarm, whole, _ = (recorded.entry for recorded in journal.since(0))
    assert len(fault.text) == MOST_TEXT
    assert fault.text.endswith("y[redact…")
    assert alarm.text == "key [redacted]"
    assert len(whole.text) == MOST_TEXT
    assert secret.encode() not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_newest_three_snapshots_stay_and_a_damaged_one_is_passed_over(path):
    with opened(path) as journal:
        assert journal.newest_snapshot() is None
        journal.append([numbered(seq) for seq in range(1, 10)])
        for seq in (2, 4, 6, 8):
            journal.save_snapshot(seq, {"seq": seq, "cash": 0.1 + 0.2, "odd": float("inf")}, "v1")
        snapshot = journal.newest_snapshot()
        assert (snapshot.seq, snapshot.layout) == (8, "v1")
        assert snapshot.state == {"seq": 8, "cash": 0.30000000000000004, "odd": float("inf")}
    with closing(sqlite3.connect(path)) as other, other:
        assert [seq for (seq,) in other.execute("SELECT seq FROM snapshots ORDER BY seq")] == [4, 6, 8]
        other.execute("UPDATE snapshots SET state = replace(state, '8', '9') WHERE seq = 8")
        other.execute("UPDATE snapshots SET layout = 'v2' WHERE seq = 6")
    with opened(path) as journal:
        assert journal.newest_snapshot().seq == 4
        journal.save_snapshot(7, {}, "v1")
        assert journal.newest_snapshot().seq == 7
        with pytest.raises(ValueError, match="not in 0 to 9"):
            journal.save_snapshot(10, {}, "v1")


def test_selection_picks_by_time_level_kind_subject_order_and_session(path):
    clock = SetClock()
    with Journal.open(path, clock=clock, redact=str) as journal:
        journal.append([Note("a"), intent(1)])
        clock.ours_ms = 6_000
        journal.append([Alarm("b", symbol="ETHUSDT"), Note("c", level=Level.WARN), fill("1")])
    with Journal.open(path, clock=clock, redact=str) as journal:
        journal.append([Note("d")])
        assert seqs(journal, Selection(since_ms=6_000)) == [3, 4, 5, 6]
        assert seqs(journal, Selection(until_ms=6_000)) == [1, 2]
        assert seqs(journal, Selection(since_ms=7_000)) == []
        assert seqs(journal, Selection(level=Level.WARN)) == [3, 4]
        assert seqs(journal, Selection(level=Level.ERROR)) == [3]
        assert seqs(journal, Selection(kinds=("OrderIntent", "FillBooked"))) == [2, 5]
        assert seqs(journal, Selection(subject="BTCUSDT")) == [2, 5]
        assert seqs(journal, Selection(client_order_id="k1")) == [2, 5]
        assert seqs(journal, Selection(session=2)) == [6]
        assert seqs(journal, Selection(after_seq=4, level=Level.INFO)) == [5, 6]


def test_reading_goes_on_over_pages_while_more_is_written(path):
    with opened(path) as journal:
        journal.append([numbered(seq) for seq in range(1, 1201)])
        found = []
        for recorded in journal.since(0):
            found.append(recorded.seq)
            if recorded.seq == 700:
                journal.append([numbered(1201)])
    assert found == list(range(1, 1202))


def test_appends_from_several_threads_all_arrive(path):
    with opened(path) as journal:
        threads = [threading.Thread(target=lambda: [journal.append([Note("x")]) for _ in range(25)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(100):
            journal.append_lazily(Note(str(number)))
        for thread in threads:
            thread.join()
        journal.flush()
        texts = [one.entry.text for one in journal.since(0)]
    assert len(texts) == 200
    assert [text for text in texts if text != "x"] == [str(number) for number in range(100)]


def test_reader_beside_a_writer_sees_what_is_promised_and_writes_nothing(path):
    with opened(path) as journal, JournalReader.open(path) as reader:
        journal.append([Note("a")])
        assert [one.entry for one in reader.entries()] == [Note("a")]
        journal.append([Note("b")])
        assert reader.last_seq() == 2
        with pytest.raises(Exception, match="readonly"):
            reader._engine.connect().exec_driver_sql("DELETE FROM entries")


def test_second_writer_is_stopped_by_the_journal_itself(path):
    """The lock should have stopped it before; entries of two runs are never mixed."""
    with suppress(JournalError), opened(path) as one, opened(path) as other:
        one.append([Note("one")])
        with pytest.raises(JournalError, match="append-only"):
            other.append([Note("other")])
        assert [recorded.entry for recorded in one.since(0)] == [Note("one")]


def test_name_keeps_practice_and_real_apart(tmp_path):
    name = JournalName("live", "binance", "practice", dry_run=False)
    paths = {
        name.path(tmp_path),
        replace(name, environment="real").path(tmp_path),
        replace(name, dry_run=True).path(tmp_path),
    }
    assert len(paths) == 3
    assert name.path(tmp_path).name == "live-binance-practice.journal.sqlite"
    for path in paths:
        opened(path).close()
    assert journals_in(tmp_path) == sorted(paths)


def test_journal_under_another_name_is_refused(path):
    opened(path).close()
    path.rename(path.with_name("real.journal.sqlite"))
    with pytest.raises(GateRefusedError, match=r"real\.journal\.sqlite is that of live\.journal\.sqlite"):
        opened(path.with_name("real.journal.sqlite"))


def test_missing_folder_is_not_made(tmp_path):
    with pytest.raises(UsageError, match="there is no folder "):
        opened(tmp_path / "gone" / "live.journal.sqlite")
    assert not (tmp_path / "gone").exists()


def test_migrations_lead_to_the_declared_tables(path):
    opened(path).close()
    with create_engine(f"sqlite:///{path}").connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.METADATA) == []
        assert context.get_current_revision() == schema.REVISION
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_heads() == [schema.REVISION]


def test_log_does_not_grow_while_quiet_moments_are_used(quick_folder):
    path = quick_folder / "live.journal.sqlite"
    log = path.with_name(f"{path.name}-wal")
    with opened(path) as journal:
        sizes = []
        for _ in range(3):
            for _ in range(260):
                journal.append([Note("x")])
            journal.flush()
            sizes.append(log.stat().st_size)
    assert max(sizes) < 1.2 * sizes[0]


def test_odd_signs_in_the_path_are_only_a_path(tmp_path):
    folder = tmp_path / "a b?mode=memory#%41 é"
    folder.mkdir()
    path = folder / "live.journal.sqlite"
    with opened(path) as journal:
        journal.append([Note("a")])
        with JournalReader.open(path) as reader:
            assert reader.last_seq() == 1
    assert [file.name for file in folder.iterdir()] == [path.name]


def test_closed_journal_leaves_one_file(path):
    opened(path).close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
