"""The command that fetches Binance's trading rules into a file, for the doctor and for config files."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from keel.app.exchange_options import (
    Address,
    Environment,
    filters_file,
    host_of,
    link_to,
    load_or_none,
    settings_of,
    unanswered,
    venue_of,
)
from keel.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keel.wire.binance_link import BinanceSettings
    from keel.wire.rules_file import RulesFile
    from keel.wire.venue_rules import VenueRules

_USER: Final = "filters"
_UNIVERSE: Final = Path("data/universe/symbols.json")
_OUT: Final = Path("data/binance_filters.json")


def fetch_filters(
    *,
    out: Annotated[
        Path | None,
        typer.Option(help=f"File to write. Default: the config's live.filters, else {_OUT}.", show_default=False),
    ] = None,
    universe: Annotated[
        bool,
        typer.Option("--universe", help=f"Only the symbols of {_UNIVERSE}, where it is there, and the config's."),
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="Live config whose exchange is asked, such as configs/config_live.yaml.")
    ] = None,
    environment: Environment = None,
    address: Address = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON, for programs.")] = False,
) -> None:
    """Fetch tick size, step size, minimums and status of Binance's symbols into a JSON file, whole or not at all. \
With --config it is the file that the config's live.filters names.

    No key is needed. The doctor compares a live config's market.instrument with this file, and refuses it once it is \
live.max_filters_age_days (30) old, or of another environment. Symbols that do not trade are left out unless the \
config names them.

    Exit code 0; 2 where Binance does not answer or a symbol of the config is unknown.

    [bold]Examples[/bold]

    python scripts/fetch_binance_filters.py --universe --out data/binance_filters.json

    python scripts/fetch_binance_filters.py --config configs/config_live.yaml

    python scripts/fetch_binance_filters.py --environment practice --address http://127.0.0.1:8900
    """
    from dataclasses import replace

    from keel.wire.rules_file import write_rules

    loaded = load_or_none(config)
    wanted = () if loaded is None else loaded.config.data.symbols
    settings = settings_of(venue_of(loaded, environment, address))
    found = asyncio.run(_fetch(settings))
    kept = _kept(found.rules, wanted, _listed() if universe else None)
    path = filters_file(out, loaded, _OUT)
    write_rules(path, replace(found, rules=kept))
    if as_json:
        told = {"file": str(path), "source": found.source, "environment": found.environment, "symbols": len(kept)}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.write(f"{len(kept):,} symbols of {found.source} ({found.environment}) in {path}\n")


async def _fetch(settings: BinanceSettings) -> RulesFile:
    from keel.domain.errors import RetryableError
    from keel.wire.binance_symbols import BinanceSymbols
    from keel.wire.rules_file import RulesFile

    link = link_to(settings)
    try:
        rules = await BinanceSymbols(link).refresh()
    except RetryableError as error:
        raise unanswered(host_of(link), error) from None
    finally:
        await link.close(_USER)
    return RulesFile(settings.environment, host_of(link), link.clock.wall_ms(), rules)


def _listed() -> frozenset[str] | None:
    """Return the symbols of the universe's file, None where there is none. Raises UsageError for a damaged one."""
    from keel.app.universe import read_universe

    return frozenset(read_universe(_UNIVERSE)) if _UNIVERSE.exists() else None


def _kept(rules: Mapping[str, VenueRules], wanted: Sequence[str], only: frozenset[str] | None) -> dict[str, VenueRules]:
    unknown = [symbol for symbol in wanted if symbol not in rules]
    if unknown:
        raise UsageError(f"data.symbols: Binance has no {', '.join(unknown)}; write BASE/QUOTE, such as BTC/USDT")
    chosen = (symbol for symbol, one in rules.items() if one.is_trading and (only is None or symbol in only))
    return {symbol: rules[symbol] for symbol in dict.fromkeys((*wanted, *chosen))}
