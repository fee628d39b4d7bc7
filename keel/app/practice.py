"""The practice venue as a command: an exchange of this machine that replays bars, on Binance's or Alpaca's wire."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keel.app.console import compile_if_cold, ending_tidily, progress_bar

if TYPE_CHECKING:
    from keel.config.practice import PracticeConfig
    from keel.config.yaml_tree import Document
    from keel.practice.security import KeyPair
    from keel.practice.server import PracticeVenue


_PLACES = {
    "binance": {
        "REST": "{http}/api",
        "WebSocket API": "{ws}/ws-api/v3",
        "market streams": "{ws}/ws/<stream>, {ws}/stream?streams=<stream>/<stream>",
    },
    "alpaca": {
        "REST": "{http}/v2, {http}/v1beta3",
        "trading stream": "{ws}/stream",
        "data streams": "{ws}/v2/iex, {ws}/v1beta3/crypto/us",
    },
}
"""Where a client finds what, by whose interface is spoken."""


def practice_venue(
    config: Annotated[
        Path, typer.Option(help="Config of the venue, such as configs/practice.yaml.", show_default=False)
    ],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Change a key, such as pace=lockstep; may be repeated.")
    ] = None,
) -> None:
    """Serve a practice exchange on this machine: real client libraries connect to it, no money is at stake.

    It replays stored or generated bars, matches with Keel's simulator, keeps accounts, and breaks on demand. It ends \
with Ctrl+C.

    Exit code 0; 2 for a config, bars or a port that cannot be had.

    [bold]Examples[/bold]

    python -m services.practice_venue --config configs/practice.yaml

    python -m services.practice_venue --config configs/practice.yaml --set pace=lockstep --set port=0
    """
    from keel.config.load import load_practice

    loaded, document = load_practice(config, overrides or [])
    with progress_bar(quiet=False) as bar:
        compile_if_cold(bar, typer.echo)
    given = keys_of(loaded, os.environ)
    venue = open_venue(loaded, document, given)
    with ending_tidily():
        try:
            asyncio.run(_serve(venue, loaded, given))
        except KeyboardInterrupt:
            typer.echo("Shutdown complete")


def open_venue(
    config: PracticeConfig, document: Document | None = None, keys: Mapping[str, KeyPair] | None = None
) -> PracticeVenue:
    """Return the venue of a config, not started yet, with bars from its store, made up first where it says so.

    Raises ConfigError or DataError, one line that names key or file and mend.
    """
    from keel.app.wire_data import read_market_data
    from keel.app.wiring import instruments_of
    from keel.config.yaml_tree import Document
    from keel.data.actions import Actions
    from keel.data.provide import ensure_bars
    from keel.data.store import BarStore
    from keel.practice.server import PracticeVenue

    simulated = config.simulated(next(iter(config.accounts.values())))
    ensure_bars(config.data, config.market.calendar, BarStore(Path(config.data.store)))
    data = read_market_data(simulated, document or Document("config", {}, {}))
    actions = Actions(data.actions, data.action_starts, data.action_ends)
    return PracticeVenue(config, data.bars, instruments_of(simulated), keys, actions=actions)


def keys_of(config: PracticeConfig, environ: Mapping[str, str]) -> dict[str, KeyPair]:
    """Return the keys that the environment has, by account."""
    from keel.practice.security import KeyPair

    found = {}
    for name, one in config.accounts.items():
        key = environ.get(f"{one.keys}_API_KEY")
        secret = environ.get(f"{one.keys}_API_SECRET") or environ.get(f"{one.keys}_SECRET_KEY")
        if key and secret:
            found[name] = KeyPair(key, secret)
    return found


async def _serve(venue: PracticeVenue, config: PracticeConfig, given: Mapping[str, KeyPair]) -> None:
    await venue.start()
    _show(venue, config, given)
    try:
        await venue.wait()
        typer.echo("The bars are over; the venue still answers. Ctrl+C ends it.")
        await asyncio.Event().wait()
    finally:
        await venue.stop()


def _show(venue: PracticeVenue, config: PracticeConfig, given: Mapping[str, KeyPair]) -> None:
    """Tell where it is, and the keys that were made up; those of the environment are never shown."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    socket = venue.address.replace("http", "ws", 1)
    console.print(f"[bold]Practice venue[/bold] on {venue.address}, pace {config.pace}")
    console.print(f"  venue.address for Keel   {venue.address}")
    for what, where in _PLACES[config.speaks].items():
        console.print(f"  {what:<24} {where.format(http=venue.address, ws=socket)}")
    console.print(f"  clock, log, accounts     {venue.address}/practice/clock, …/log, …/accounts")
    for name, one in config.accounts.items():
        if name in given:
            console.print(f"  account {name}: keys as in {one.keys}_API_KEY and {one.keys}_API_SECRET")
            continue
        pair = venue.keys[name]
        console.print(f"  account {name}: its keys were made up; in the other terminal:")
        console.print(f"    export {one.keys}_API_KEY={pair.key}")
        console.print(f"    export {one.keys}_API_SECRET={pair.secret}")
