"""The command that fetches what Alpaca trades into a file, for the doctor and for config files."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from keel.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keel.config.venue import AlpacaSection
    from keel.wire.alpaca_assets import AlpacaAsset
    from keel.wire.alpaca_link import AlpacaSettings
    from keel.wire.rules_file import RulesFile

_USER: Final = "assets"
_TIMEOUT_S, _RETRIES = 60.0, 2
_BASE_S, _LONGEST_S = 0.5, 60.0
_CANCEL_SHARE: Final = 0.2
"""Left of the request limit, for a live run on the same account may need it."""
_STATE: Final = Path("state")
_HINT: Final = "is it up, and are the keys this account's?"
_OUTPUT: Final = Path("data/universe/alpaca_symbols.json")


def fetch_assets(
    *,
    output: Annotated[
        Path | None,
        typer.Option(help=f"File to write. Default: the config's live.filters, else {_OUTPUT}.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Live config whose Alpaca is asked, such as configs/config_live_alpaca.yaml.")
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper/--real", help="Without --config: whose keys are set, the paper account's or not.")
    ] = True,
    address: Annotated[
        str | None,
        typer.Option(help="Address of the practice venue, such as http://127.0.0.1:8901.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON, for programs.")] = False,
) -> None:
    """Fetch every asset of Alpaca into a JSON file, whole or not at all: tradable, shortable, easy to borrow, \
fractionable, its exchange, minimums and increments. With --config it is the file that the config's live.filters names.

    Needs ALPACA_API_KEY and ALPACA_API_SECRET (or ALPACA_SECRET_KEY). The doctor compares a live config's \
market.instrument with this file, and refuses it once it is live.max_filters_age_days (30) old, or of another account. \
Assets that do not trade are left out unless the config names them.

    Exit code 0; 2 where keys are missing, Alpaca does not answer, or a symbol of the config is unknown.

    [bold]Examples[/bold]

    python scripts/fetch_alpaca_universe.py --output data/universe/alpaca_symbols.json

    python scripts/fetch_alpaca_universe.py --config configs/config_live_alpaca.yaml
    """
    from dataclasses import replace

    from keel.app.exchange_options import filters_file, load_or_none
    from keel.wire.rules_file import write_rules

    loaded = load_or_none(config)
    wanted = () if loaded is None else loaded.config.data.symbols
    venue = _made(paper=paper, address=address) if loaded is None else _venue_of(config, loaded.config)
    found = asyncio.run(_fetch(_settings(venue)))
    kept = _kept(found.rules, wanted)
    path = filters_file(output, loaded, _OUTPUT)
    write_rules(path, replace(found, rules=kept))
    if as_json:
        told = {"file": str(path), "source": found.source, "environment": found.environment, "symbols": len(kept)}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.write(f"{len(kept):,} symbols of {found.source} ({found.environment}) in {path}\n")


def _venue_of(path: Path | None, config: object) -> AlpacaSection:
    from keel.config.modes import LiveRun
    from keel.config.venue import AlpacaSection

    if not isinstance(config, LiveRun) or not isinstance(config.venue, AlpacaSection):
        raise UsageError(f"{path}: is no live config of Alpaca (mode: live, venue.kind: alpaca)")
    return config.venue


def _made(*, paper: bool, address: str | None) -> AlpacaSection:
    from pydantic import ValidationError

    from keel.config.venue import AlpacaSection

    try:
        return AlpacaSection(kind="alpaca", paper=paper, address=address)
    except ValidationError as error:
        raise UsageError(f"--address {address}: {' '.join(str(error.errors()[0]['msg']).split())}") from None


def _settings(venue: AlpacaSection) -> AlpacaSettings:
    from keel.app.venue_keys import venue_keys
    from keel.wire.alpaca_link import AlpacaSettings

    keys = venue_keys("alpaca", os.environ)
    if not keys.are_set:
        raise UsageError(f"{keys.key_name} and {keys.secret_name} are not set: export them first; Alpaca needs both")
    return AlpacaSettings(
        environment=venue.environment,
        feed=venue.feed,
        practice_address=venue.address,
        timeout_s=_TIMEOUT_S,
        retries=_RETRIES,
        cancel_share=_CANCEL_SHARE,
        backoff_base_s=_BASE_S,
        max_backoff_s=_LONGEST_S,
        clock_refresh_s=_LONGEST_S,
        seed=os.getpid(),
        state_dir=_STATE if _STATE.is_dir() else None,
        key=keys.key,
        secret=keys.secret,
    )


async def _fetch(settings: AlpacaSettings) -> RulesFile:
    from urllib.parse import urlsplit

    from keel.app.exchange_options import unanswered
    from keel.domain.clock import WallClock
    from keel.domain.errors import HaltTradingError, RetryableError
    from keel.wire.alpaca_link import AlpacaLink
    from keel.wire.alpaca_symbols import AlpacaSymbols
    from keel.wire.rules_file import RulesFile

    link = AlpacaLink(settings, WallClock())
    host = urlsplit(link.addresses.trading).netloc
    try:
        rules: Mapping[str, Any] = await AlpacaSymbols(link).refresh()
    except RetryableError as error:
        raise unanswered(host, error, _HINT) from None
    except HaltTradingError as error:
        raise UsageError(f"{host}: {error}; {_HINT}") from None
    finally:
        await link.close(_USER)
    return RulesFile(settings.environment, host, link.clock.wall_ms(), rules, "alpaca")


def _kept(rules: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, AlpacaAsset]:
    unknown = [symbol for symbol in wanted if symbol not in rules]
    if unknown:
        raise UsageError(f"data.symbols: Alpaca has no {', '.join(unknown)}; write AAPL, or BTC/USD for crypto")
    chosen = (symbol for symbol, one in rules.items() if one.is_trading)
    return {symbol: rules[symbol] for symbol in dict.fromkeys((*wanted, *chosen))}
