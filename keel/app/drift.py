"""The drift command: what a live run came to beside what the simulator makes of the same bars, by cause."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from keel.app.drift_record import Record
    from keel.backtest.again import Chooser, Parameters, Played, Step
    from keel.backtest.drift import Drift, Filled, Pair
    from keel.config.load import LoadedConfig
    from keel.config.modes import LiveRun
    from keel.journal.entries import SessionStarted
    from keel.live.closes import Closes
    from keel.live.decider import Decider
    from keel.risk.sector_caps import SectorCaps
    from keel.sim.local import LocalDesk
    from keel.sim.room import Records


def drift(
    run: Annotated[str, typer.Argument(help="Journal's name or its beginning, run id (one session of it), or path.")],
    *,
    state_dir: Annotated[Path, typer.Option(help="State folder: run.state_dir in the config.")] = Path("state"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Play a live run's bars again in the simulator and split the difference in equity by cause, in money.

    The causes add up to the difference. Decisions are those of the journal; where the run made none, the strategy is \
asked again. Nothing is sent, and the run may be running. A journal's name is run.name, exchange and environment, \
and dry of a dry run, such as live-binance-practice.

    Exit code 0; 2 for a run or journal that is not there, or in which nothing was decided.

    [bold]Examples[/bold]

    python -m keel drift live-binance-practice

    python -m keel drift live-alpaca-alpaca-practice-dry

    python -m keel drift state/live-binance-practice.journal.sqlite --json
    """
    from keel.app.drift_record import read_record
    from keel.journal.reading import JournalReader

    path, run_id = _find(run, state_dir)
    with JournalReader.open(path) as reader:
        record = read_record(reader.entries(), run_id, closes_in)
    found = drift_of(record)
    if as_json:
        sys.stdout.write(json.dumps(_tree(found, path)) + "\n")
    else:
        _print(found, path)


def drift_of(record: Record) -> Drift:
    """Return the drift of a run that was read from its journal. Raises UsageError where it cannot be played again."""
    from dataclasses import replace

    from keel.app.drift_by_hand import with_hand_trades
    from keel.app.live_assets import assets_of
    from keel.backtest.again import decide_again, send_again
    from keel.backtest.drift import Equities, split
    from keel.domain.holder_messages import ActivityKind
    from keel.live.session import refuse_other_model

    if record.state is None:  # never: a record without one is refused when it is read
        raise TypeError("no state")
    loaded = {number: _loaded(started) for number, started in record.sessions.items()}
    for number, started in record.sessions.items():
        refuse_other_model(started, _live(loaded[number]))
    first = min(loaded)
    begun, own = record.state, _parameters(loaded)
    _, quote_of = assets_of(_live(loaded[first]))
    steps = _allowed(record.steps, loaded)

    def decided(steps: list[Step], *, everywhere: bool) -> Played:
        return decide_again(begun, steps, own, _chooser(loaded[first], record, everywhere=everywhere))

    simulated = configs = decided([replace(step, session=first) for step in steps], everywhere=True)
    if len({started.config for started in record.sessions.values()}) > 1:
        configs = decided(steps, everywhere=True)
    only = configs
    if any(step.is_missed for step in steps):
        only = decided(steps, everywhere=False)
    by_hand, steps = only, with_hand_trades(record, steps, quote_of)
    if any(step.by_hand for step in steps):
        by_hand = decided(steps, everywhere=False)
    sent, arrived = send_again(begun, steps, own, {}), send_again(begun, steps, own, record.arrivals)
    fills, places = record.live_fills(quote_of), {**_places(record), **arrived.instruments}
    step_sizes = _steps(_live(loaded[first]))
    equities = Equities(
        simulated=Decimal(simulated.equity),
        own_configs=Decimal(configs.equity),
        decided_only=Decimal(only.equity),
        by_hand=Decimal(by_hand.equity),
        as_sent=Decimal(sent.equity),
        as_arrived=Decimal(arrived.equity),
        live=record.live_equity(fills, places),
        sizes=_sizes(by_hand, sent, record, step_sizes),
        fees_booked=sum((one.cash for one in record.activities if one.what is ActivityKind.FEE), Decimal(0)),
    )
    return split(equities, _pairs(fills, arrived.fills, places, record, step_sizes), _counts(record, simulated))


def _pairs(
    live: Mapping[int, Filled],
    simulated: Mapping[int, Filled],
    places: Mapping[int, int],
    record: Record,
    steps: list[Decimal],
) -> list[Pair]:
    """Return the orders as they were filled and as they are when they are played again, by number."""
    from keel.backtest.drift import Filled, Pair

    prices, found = record.last_prices, []
    for number in sorted({*live, *simulated}):
        place = places[number]
        both = live.get(number, Filled()), simulated.get(number, Filled())
        found.append(Pair(*both, prices[place], steps[place]))
    return found


@dataclass
class _Vectors:
    """Give the journalled weights; with `again` (rows, N) also where there are none."""

    record: Record
    again: NDArray[np.float64] | None
    caps: SectorCaps | None

    def choose(self, place: int, desk: LocalDesk) -> tuple[NDArray[np.float64], Records | None] | None:
        desk.caps = self.caps
        weights = self.record.steps[place].weights
        if weights is None and self.again is not None:
            weights = self.again[place]
        return None if weights is None else (weights, None)

    def note_ids(self) -> None:
        """Keep no orders."""


@dataclass
class _Events:
    """Ask an event-driven strategy again, at every step or where the run did."""

    record: Record
    loaded: LoadedConfig
    everywhere: bool
    caps: SectorCaps | None
    _desk: LocalDesk | None = None
    _decider: Decider | None = None
    _bars: Any = field(default=None)

    def choose(self, place: int, desk: LocalDesk) -> tuple[NDArray[np.float64], Records | None] | None:
        from keel.strategies.panel import BarPanel

        self._desk, desk.caps = desk, self.caps
        if not self.everywhere and not self.record.steps[place].is_decided:
            return None
        if self._decider is None:
            self._decider, self._bars = self._begin(), _all_bars(self.record)
        rows = len(self.record.history) + place + 1
        wanted = self._decider.decide(BarPanel(self._bars[:rows], self.record.symbols))
        return wanted.weights, wanted.requests

    def note_ids(self) -> None:
        if self._decider is not None:
            self._decider.note_ids()

    def _begin(self) -> Decider:
        from keel.app.wire_strategy import load_strategy
        from keel.live.decider import Decider

        config = _live(self.loaded)
        strategy = load_strategy(config.strategy.class_path, self.loaded.document)
        return Decider(
            config,
            strategy,
            lambda: self._there.account_view(),
            lambda: self._there.live_orders(),
            lambda: self._there.heard(),
        )

    @property
    def _there(self) -> LocalDesk:
        if self._desk is None:  # never: it is asked at a step only
            raise TypeError("no desk")
        return self._desk


def _chooser(loaded: LoadedConfig, record: Record, *, everywhere: bool) -> Chooser:
    from keel.app.wire_sectors import sector_caps_of
    from keel.app.wire_strategy import load_strategy
    from keel.strategies.decisions import decide_all
    from keel.strategies.panel import BarPanel
    from keel.strategies.port import VectorStrategy

    strategy = load_strategy(_live(loaded).strategy.class_path, loaded.document)
    caps, _ = sector_caps_of(_live(loaded))
    if not isinstance(strategy, VectorStrategy):
        return _Events(record, loaded, everywhere, caps)
    if not everywhere or all(step.is_decided for step in record.steps):
        return _Vectors(record, None, caps)
    weights = decide_all(strategy, BarPanel(_all_bars(record), record.symbols))
    return _Vectors(record, weights[len(record.history) :], caps)


def _all_bars(record: Record) -> Records:
    import numpy as np

    return np.array([*record.history, *(step.bars for step in record.steps)])


def _loaded(started: SessionStarted) -> LoadedConfig:
    from keel.config.load import load_config
    from keel.domain.errors import UsageError

    if not started.config:
        raise UsageError(f"session {started.run_id} has no config in its journal: it cannot be played again")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text("".join(started.config), encoding="utf-8")
        return load_config(path, expect_mode="live")


def closes_in(started: SessionStarted) -> Closes:
    """Return when the rows of a session close, by its own config."""
    from keel.live.closes import closes_of

    return closes_of(_live(_loaded(started)))


def _allowed(steps: list[Step], loaded: dict[int, LoadedConfig]) -> list[Step]:
    """Return the steps with what their session's config allows at each."""
    from dataclasses import replace

    from keel.live.closes import hours_of

    configs = {number: _live(one) for number, one in loaded.items()}
    hours = {number: hours_of(config) for number, config in configs.items()}
    found = []
    for step in steps:
        known, allowed = hours[step.session], configs[step.session].sessions.activities
        activity = step.activity if known is None else allowed[known.at(step.close_ts_ms).window]
        found.append(replace(step, activity=activity))
    return found


def _live(loaded: LoadedConfig) -> LiveRun:
    from keel.app.run_journal import live_run

    return live_run(loaded, dry_run=False)


def _parameters(loaded: dict[int, LoadedConfig]) -> Parameters:
    from keel.app.wiring import instruments_of
    from keel.sim.parameters import run_records, slot_records

    configs = {number: _live(one) for number, one in loaded.items()}
    return lambda session: (
        run_records(configs[session]),
        slot_records(configs[session], instruments_of(configs[session])),
    )


def _steps(config: LiveRun) -> list[Decimal]:
    return [config.market.rules_for(symbol).step_size for symbol in config.data.symbols]


def _places(record: Record) -> dict[int, int]:
    symbols = list(record.symbols)
    of_fills = {
        record.numbers[one.client_order_id]: one.symbol
        for one in record.booked
        if one.client_order_id in record.numbers
    }
    return {number: symbols.index(symbol) for number, symbol in of_fills.items() if symbol in symbols}


def _sizes(decided: Played, sent: Played, record: Record, steps: list[Decimal]) -> Decimal:
    """Return what orders of the same close come to whose sizes are a step apart at most."""
    prices, closes, total = record.last_prices, {step.close_ts_ms: step.bars for step in record.steps}, Decimal(0)
    for (close, place, side), qty in sent.sizes.items():
        off = Decimal(qty) - Decimal(decided.sizes.get((close, place, side), 0.0))
        if off and abs(off) <= steps[place] * Decimal("1.000001") and (close, place, side) in decided.sizes:
            total += side * off * (prices[place] - Decimal(float(closes[close][place]["close"])))
    return total


def _counts(record: Record, simulated: Played) -> dict[str, int]:
    return {
        "sessions": len({step.session for step in record.steps}),
        "closes": len(record.steps),
        "closes not decided on": sum(not step.is_decided for step in record.steps),
        "orders sent": sum(len(step.sent) for step in record.steps),
        "orders simulated": len(simulated.sizes),
        "trades": len(record.booked),
        "trades by hand": sum(record.numbers.get(one.client_order_id) in record.by_hand for one in record.booked),
    }


def _find(run: str, state_dir: Path) -> tuple[Path, str | None]:
    """Return the journal of a run and, where one session of it is meant, that one's run id."""
    from keel.app.journal import find_journal
    from keel.journal.entries import SessionStarted
    from keel.journal.names import SUFFIX, journals_in
    from keel.journal.reading import JournalReader, Selection

    if run.endswith(SUFFIX):
        return Path(run), None
    for path in journals_in(state_dir):
        with JournalReader.open(path) as reader:
            for recorded in reader.entries(Selection(kinds=(SessionStarted.__name__,))):
                if isinstance(recorded.entry, SessionStarted) and recorded.entry.run_id == run:
                    return path, run
    return find_journal(state_dir, run, "python -m keel drift"), None


def _tree(found: Drift, path: Path) -> dict[str, Any]:
    return {
        "journal": str(path),
        "simulated": f"{found.simulated:f}",
        "live": f"{found.live:f}",
        "difference": f"{found.difference:f}",
        "causes": {name: f"{value:f}" for name, value in found.causes.items()},
        "counts": dict(found.counts),
    }


def _print(found: Drift, path: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"Drift of {path.name}", soft_wrap=True)
    table = Table()
    table.add_column("")
    table.add_column("account currency", justify="right")
    table.add_row("equity simulated", f"{found.simulated:,.8f}")
    table.add_section()
    for name, value in found.causes.items():
        table.add_row(name, f"{value:+,.8f}" if value else "0", style="" if value else "dim")
    table.add_section()
    table.add_row("equity live", f"{found.live:,.8f}", style="bold")
    table.add_row("difference", f"{found.difference:+,.8f}")
    console.print(table)
    console.print(", ".join(f"{name} {n:,}" for name, n in found.counts.items()))
