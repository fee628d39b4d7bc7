"""scripts/flatten.py beside the practice venue: what a run left open is closed, whatever state the run was in."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from keel.app.cli import run_cli
from keel.app.flatten import flatten
from keel.config.faults import Fault
from keel.domain.errors import HaltTradingError
from keel.domain.orders import OrderSide
from keel.journal.entries import FillBooked, OrderIntent
from keel.journal.reading import JournalReader
from keel.practice.server import PracticeVenue

from .exchanges import BINANCE, EVERY, ON_MARGIN, STOCKS, Exchange, There
from .stage import Stage, ask

PACED = ("pace=600", "execution.time_in_force=ioc")


def planned(*plan: str) -> tuple[str, ...]:
    """Return what makes a run hold what it has bought: an average that is crossed may sell it before the run ends."""
    return ("strategy.class=faults.strategies:Planned", f"strategy.params={json.dumps({'plan': plan})}")


HOLDS = planned("from 0 target 0.5")


class Left:
    """A venue that stays on a loop of its own, and the journal of a run that ended with a position."""

    def __init__(self, folder: Path, exchange: Exchange, live: tuple[str, ...], venue: tuple[str, ...]) -> None:
        self.stage = Stage(folder, venue=(*PACED, *venue), live=live, exchange=exchange)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.venue: PracticeVenue = self.stage.open_venue()

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    @property
    def there(self) -> There:
        exchange = self.stage.exchange
        return exchange.read(self.call(ask(self.venue, "accounts"))["practice"], exchange.symbols[:1])

    def trade_until_it_holds(self) -> None:
        async def run() -> None:
            async def until_held(_venue: PracticeVenue, parts: Any) -> None:
                while not parts.runner.trader.desk.account_view().position_qty.any():
                    await asyncio.sleep(0.02)
                parts.runner.ask_to_stop("it holds something")

            await self.stage.run_beside(self.venue, 10_000, while_running=until_held)

        self.call(run())

    def questions(self) -> int:
        """Return how often the venue was asked anything by the wire."""
        counts = self.call(ask(self.venue, "log"))["counts"]
        return sum(count for what, count in counts.items() if what.startswith("request GET /"))

    def flatten(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
        path = self.stage.folder / "live.yaml"
        changes = [word for change in self.stage.live for word in ("--set", change)]
        with pytest.raises(SystemExit) as ended:
            run_cli(flatten, ["--config", str(path), *changes, *arguments])
        shown = capsys.readouterr()
        return int(str(ended.value.code)), shown.out, shown.err


@contextmanager
def left_open(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    exchange: Exchange = BINANCE,
    live: tuple[str, ...] = HOLDS,
    venue: tuple[str, ...] = (),
) -> Iterator[Left]:
    left = Left(folder, exchange, live, venue)
    left.call(left.venue.start())
    for name, value in left.stage.environ_of(left.venue).items():
        monkeypatch.setenv(name, value)
    try:
        left.trade_until_it_holds()
        yield left
    finally:
        left.call(left.venue.stop())
        left.call(asyncio.sleep(0.1))  # what was cancelled ends
        left.loop.call_soon_threadsafe(left.loop.stop)
        left.thread.join()
        left.loop.close()


@pytest.mark.parametrize("exchange", EVERY, ids=str)
def test_what_a_run_left_is_sold_under_the_kill_switch_and_the_journal_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], exchange: Exchange
):
    asset = exchange.asset
    with left_open(tmp_path, monkeypatch, exchange) as left:
        (tmp_path / "state" / "kill_switch.flag").touch()
        held = left.there.balance(asset)
        assert held > 0
        code, _, told = left.flatten(capsys)
        assert code == 2
        assert "--yes" in told
        assert left.there.balance(asset) == held, "nobody was asked, nothing is sold"
        code, out, told = left.flatten(capsys, "--yes", "--json")
        assert code == 0, told
        tree = json.loads(out)
        assert tree["flat"]
        sold = Decimal(tree["before"]["closes"][exchange.symbols[0]])
        assert 0 <= held - sold < exchange.step, "all of it but the fraction that no order can have"
        assert left.there.balance(asset) == held - sold
        code, out, _ = left.flatten(capsys, "--yes")
        assert code == 0
        assert "nothing is open" in out
    with JournalReader.open(left.stage.journal_path) as reader:
        entries = [recorded.entry for recorded in reader.entries()]
    names = {one.ticket.client_order_id for one in entries if isinstance(one, OrderIntent) and "by hand" in one.why}
    booked = [one.fill for one in entries if isinstance(one, FillBooked)]
    assert sum(fill.qty for fill in booked if fill.client_order_id in names) == sold


def test_a_short_that_a_run_left_is_bought_back_and_the_journal_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    live = (*ON_MARGIN, "live.stale_after_ms=600000")
    short = planned("from 0 target -0.3")
    with left_open(tmp_path, monkeypatch, STOCKS, (*live, *short), ON_MARGIN) as left:
        owed = left.there.balance("SYNA")
        assert owed < 0
        code, out, told = left.flatten(capsys, "--yes", "--json")
        assert code == 0, told
        tree = json.loads(out)
        assert (tree["flat"], tree["before"]["closes"], tree["left"]["closes"]) == (True, {"SYNA": str(owed)}, {})
        assert left.there.balance("SYNA") == 0
        left.stage.live = (*live, *planned())
        outcome = left.call(left.stage.run_beside(left.venue, 1))
        assert outcome.positions.tolist() == [0]
    with JournalReader.open(left.stage.journal_path) as reader:
        entries = [recorded.entry for recorded in reader.entries()]
    (closing,) = [one.ticket for one in entries if isinstance(one, OrderIntent) and "by hand" in one.why]
    assert (closing.side, closing.qty, closing.reduce_only) == (OrderSide.BUY, -owed, True)
    booked = [one.fill for one in entries if isinstance(one, FillBooked)]
    assert sum(fill.qty for fill in booked if fill.client_order_id == closing.client_order_id) == -owed


def test_what_a_shut_market_does_not_close_yet_stands_at_the_exchange_once_and_closes_when_it_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    nobody_plays = ("pace=lockstep", "execution.time_in_force=day")
    live = ("live.unknown_grace_ms=10000", *planned("0 buy 100"))
    with left_open(tmp_path, monkeypatch, STOCKS, live, nobody_plays) as left:
        held, before = left.there.balance("SYNA"), len(left.there.orders)
        assert held > 0
        asked = left.questions()
        code, out, told = left.flatten(capsys, "--yes", "--json")
        assert left.questions() - asked < 34, "an order of a shut market is looked at now and then"
        assert code == HaltTradingError.exit_code
        assert f"not flat: SELL {held} SYNA stands at the exchange until its market opens" in told
        tree = json.loads(out)
        assert (tree["flat"], tree["left"]["closes"]) == (False, {})
        (closing,) = left.there.orders[before:]
        assert closing.is_open
        assert tree["left"]["closing"] == [closing.name]
        left.stage.live = planned()
        outcome = left.call(left.stage.run_beside(left.venue, 2))
        assert outcome.positions.tolist() == [0]
        assert len(left.there.orders) == before + 1


def test_a_start_after_flattening_finds_itself_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with left_open(tmp_path, monkeypatch) as left:
        assert left.flatten(capsys, "--yes")[0] == 0
        left.stage.live = planned()
        outcome = left.call(left.stage.run_beside(left.venue, 2))
        assert outcome.ending.exit_code == 0
        assert 0 <= outcome.positions[0] < BINANCE.step
        assert outcome.cash == pytest.approx(float(left.there.balance("USDT")), abs=1e-4)


def test_a_window_in_which_nothing_may_be_asked_is_not_told_as_an_exchange_that_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with left_open(tmp_path, monkeypatch) as left:
        place = left.venue.address.removeprefix("http://").replace(":", "_")
        until = {"until_ms": int(time.time() * 1000) + 42_000, "banned": False}
        (tmp_path / "state" / f"{place}.retry_after.json").write_text(json.dumps(until))
        code, _, told = left.flatten(capsys, "--yes")
    assert code == HaltTradingError.exit_code
    assert "rate limits let nothing be asked, so nothing is known to be flat: Binance wants no request" in told
    assert re.search(r"run this again in 4\d s$", told.strip())
    assert "does not answer" not in told


def test_a_sale_that_the_exchange_refuses_is_not_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("keel.live.clearing._TRIES", 2)
    with left_open(tmp_path, monkeypatch) as left:
        fault = Fault.model_validate(
            {
                "kind": "error_instead",
                "request": "POST /api/v3/order",
                "count": 99,
                "status": 400,
                "code": -2010,
                "message": "This action is disabled on this account.",
            }
        )
        left.loop.call_soon_threadsafe(left.venue.add_fault, fault)
        code, _, told = left.flatten(capsys, "--yes")
        assert code == HaltTradingError.exit_code
        assert "not flat: sell" in told
