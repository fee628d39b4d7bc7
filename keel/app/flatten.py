"""The command that closes what a run has left open: it needs only the keys and the lock."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

    from keel.config.modes import LiveRun
    from keel.domain.clock import Clock
    from keel.domain.errors import RetryableError
    from keel.journal.journal import Journal
    from keel.live.clearing import Clearer, Plan
    from keel.runs.live_logs import LiveLogs


def flatten(
    config: Annotated[Path, typer.Option(help="Config of the run, mode: live.", show_default=False)],
    *,
    all_: Annotated[
        bool, typer.Option("--all", help="Cancel orders of the config's symbols that are not ours, too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before anything is cancelled or closed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object: what was open, and is left.")] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one key; may be given many times.")
    ] = None,
) -> None:
    """Cancel a run's open orders and close what is the run's, at market, until nothing of it is left.

    It goes by the run's journal and the exchange, needs no green doctor, and works while the kill switch is on and \
after a crash; not beside a running run. What the account holds beyond that is left alone. Everything is journalled, \
so the next start knows.

    Exit code 0: flat. 2: keys, config or journal cannot be used. 3: the run is running. 4: not flat; the lines say \
what is left, and what is sold or bought when a market that is shut opens.

    [bold]Examples[/bold]

    python scripts/flatten.py --config configs/config_live.yaml --all --yes --json
    """
    from keel.app.live_ways import clock_of
    from keel.app.run_journal import live_run, locked, open_journal
    from keel.config.load import load_config
    from keel.domain.errors import HaltTradingError, RetryableError, UsageError

    run = live_run(load_config(config, set_ or [], expect_mode="live"), dry_run=False)
    if run.dry_run:
        raise UsageError("dry_run is true: nothing of it is at the exchange; --set dry_run=false if the run had orders")
    _check_keys(run)
    clock = clock_of(run)
    with locked(run, os.environ), open_journal(run, clock) as journal, _logs(run):
        try:
            work = _flatten(run, journal, clock, None if yes else _asked, with_others=all_, quiet=as_json)
            before, after = asyncio.run(work)
        except RetryableError as error:
            raise HaltTradingError(_unanswered(error)) from None
    if as_json:
        told = {"flat": after.is_flat(with_others=all_), "before": _tree(before), "left": _tree(after)}
        sys.stdout.write(json.dumps(told) + "\n")
    if not after.is_flat(with_others=all_):
        raise HaltTradingError(f"not flat: {'; '.join(_lines(after, with_others=all_))}")
    if not as_json:
        sys.stdout.write("flat\n")


def _unanswered(error: RetryableError) -> str:
    if error.wait_s is None:
        return f"the exchange does not answer, so nothing is known to be flat: {error}"
    told = f"rate limits let nothing be asked, so nothing is known to be flat: {error}"
    return f"{told}; run this again in {ceil(error.wait_s)} s"


def _check_keys(run: LiveRun) -> None:
    from keel.app.venue_keys import venue_keys
    from keel.domain.errors import UsageError

    keys = venue_keys(run.venue.kind, os.environ)
    if not (keys.key.strip() and keys.secret.strip()):
        told = f"{keys.key_name} and {keys.secret_name} are not set: export them first; keys never stand in a file"
        raise UsageError(told)


def _logs(run: LiveRun) -> AbstractContextManager[LiveLogs]:
    """Return the logs of live trading, where the client library's words go, too; ours are also shown."""
    from keel.runs.live_logs import live_logs

    return live_logs(Path(run.run.logs_dir), f"{run.run.name}-flatten", lines_to=sys.stderr)


async def _flatten(
    run: LiveRun,
    journal: Journal,
    clock: Clock,
    ask: Callable[[], bool] | None,
    *,
    with_others: bool,
    quiet: bool,
) -> tuple[Plan, Plan]:
    """Return what was open and what is left."""

    async def work(clearer: Clearer) -> tuple[Plan, Plan]:
        from keel.journal.entries import Level, Note

        plan = await clearer.look()
        if not quiet or ask is not None:
            _show(plan, with_others=with_others, quiet=quiet)
        if plan.is_flat(with_others=with_others) or (ask is not None and not ask()):
            return plan, plan
        journal.append([Note("flattening by hand", level=Level.WARN)])
        return plan, await clearer.clear(with_others=with_others)

    return await _beside(run, journal, clock, work)


async def _beside(
    run: LiveRun, journal: Journal, clock: Clock, work: Callable[[Clearer], Awaitable[tuple[Plan, Plan]]]
) -> tuple[Plan, Plan]:
    """Do a piece of work with the exchange open, and the practice market's clock where it has one."""
    from keel.app.live_ways import link_of, market_of, way_of
    from keel.app.wiring import instruments_of
    from keel.live.clearing import Clearer, Closed, Silent

    market = market_of(run, clock)
    venue = way_of(run, link_of(run, clock, os.environ), market).venue
    closed = []
    for instrument in instruments_of(run):
        symbol, rules = instrument.id.symbol, run.market.rules_for(instrument.id.symbol)
        base = symbol.partition("/")[0]
        closed.append(
            Closed(symbol, instrument.id.stable_hash, base, rules.step_size, rules.min_qty, rules.min_notional)
        )
    try:
        if market is not None:
            await market.open()
        await venue.open(Silent())
        return await work(Clearer(venue, journal, clock, closed, run.live.unknown_grace_ms / 1000))
    finally:
        await venue.close()
        if market is not None:
            await market.close()


def _asked() -> bool:
    from keel.domain.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("nobody is there to ask: say --yes")
    return typer.confirm("Do it?", err=True)


def _show(plan: Plan, *, with_others: bool, quiet: bool) -> None:
    stream = sys.stderr if quiet else sys.stdout
    for line in _lines(plan, with_others=with_others) or ["nothing is open"]:
        stream.write(f"{line}\n")
    if plan.others and not with_others:
        stream.write(f"{len(plan.others)} orders are not ours and stay; --all cancels them, too\n")
    for symbol, qty in plan.dust.items():
        stream.write(f"{qty} {symbol.partition('/')[0]} is less than the exchange's least order, and stays\n")


def _lines(plan: Plan, *, with_others: bool) -> list[str]:
    others = plan.others if with_others else ()
    cancels = [
        f"cancel {one.side.name} {one.qty - one.filled_qty} {one.symbol}, order {one.client_order_id}"
        for one in (*plan.orders, *others)
    ]
    waiting = [
        f"cancel {one.side.name} {one.qty} {one.symbol}, order {one.client_order_id}, which was not sent yet"
        for one in plan.unsent
    ]
    closes = (f"{'sell' if qty > 0 else 'buy'} {abs(qty)} {symbol} at market" for symbol, qty in plan.closes.items())
    waits = (
        f"{one.side.name} {one.qty - one.filled_qty} {one.symbol} stands at the exchange until its market opens"
        for one in plan.closing
    )
    return [*cancels, *waiting, *closes, *waits]


def _tree(plan: Plan) -> dict[str, Any]:
    return {
        "orders": [one.client_order_id for one in plan.orders],
        "unsent": [one.client_order_id for one in plan.unsent],
        "others": [one.client_order_id for one in plan.others],
        "closes": {symbol: str(qty) for symbol, qty in plan.closes.items()},
        "dust": {symbol: str(qty) for symbol, qty in plan.dust.items()},
        "closing": [one.client_order_id for one in plan.closing],
    }
