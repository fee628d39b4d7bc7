"""The command that lists what is worth trading: Binance's symbols by what is traded of them in a day."""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from keel.app.exchange_options import Address, Environment, host_of, link_to, settings_of, unanswered, venue_of
from keel.domain.errors import DataError, RetryableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from keel.wire.binance_link import BinanceSettings
    from keel.wire.binance_questions import Turnover
    from keel.wire.binance_rules import BinanceRules

FORMAT: Final = 1
_USER: Final = "universe"


def universe(
    *,
    output: Annotated[Path, typer.Option(help="File to write.")] = Path("data/universe/symbols.json"),
    quote: Annotated[str, typer.Option(help="Currency that is paid in.")] = "USDT",
    min_volume: Annotated[
        float, typer.Option(min=0.0, help="Least that was traded in 24 hours, in that currency.")
    ] = 10_000_000.0,
    top: Annotated[int, typer.Option(min=1, help="Symbols to keep at the most, those with most traded.")] = 50,
    environment: Environment = None,
    address: Address = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON, for programs.")] = False,
) -> None:
    """List the symbols worth trading: those that trade now, by what was traded of them in 24 hours, most first.

    No key is needed. The file is written whole or not at all, so it can be made anew from cron. \
scripts/fetch_binance_filters.py --universe and scripts/fetch_bars.py --universe take their symbols from it.

    Exit code 0; 2 where Binance does not answer or nothing is left.

    [bold]Examples[/bold]

    python -m services.universe --output data/universe/symbols.json

    python -m services.universe --quote USDC --min-volume 1000000 --top 20 --json
    """
    from keel.wire.rules_file import write_whole

    settings = settings_of(venue_of(None, environment, address))
    host, rules, traded, now_ms = asyncio.run(_ask(settings))
    chosen = choose(rules, traded, quote, Decimal(str(min_volume)), top)
    if not chosen:
        raise UsageError(f"{host}: no symbol in {quote} had {min_volume:g} traded in 24 hours: lower --min-volume")
    tree = {
        "format": FORMAT,
        "venue": "binance",
        "environment": settings.environment,
        "source": host,
        "fetched_ms": now_ms,
        "quote": quote,
        "min_volume": min_volume,
        "symbols": chosen,
    }
    text = json.dumps(tree, indent=1) + "\n"
    write_whole(output, text)
    if as_json:
        sys.stdout.write(text)
    else:
        shown = ", ".join(one["symbol"] for one in chosen[:5])
        sys.stdout.write(f"{len(chosen)} symbols of {host} in {output}: {shown}{', …' if len(chosen) > 5 else ''}\n")


def choose(
    rules: Mapping[str, BinanceRules], traded: Iterable[Turnover], quote: str, least: Decimal, top: int
) -> list[dict[str, Any]]:
    """Return the symbols that trade now in a quote currency, by volume in it, most first; equal ones by name."""
    ours = {one.wire_symbol: one for one in rules.values() if one.quote == quote and one.is_trading}
    kept = [one for one in traded if one.wire_symbol in ours and one.quote_volume >= least]
    kept.sort(key=lambda one: (-one.quote_volume, one.wire_symbol))
    return [
        {
            "symbol": ours[one.wire_symbol].symbol,
            "quote_volume": float(one.quote_volume),
            "last_price": float(one.last_price),
            "trades": one.n_trades,
        }
        for one in kept[:top]
    ]


def read_universe(path: Path) -> tuple[str, ...]:
    """Return the symbols of the file, most traded first. Raises DataError where it is missing or damaged."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["format"] != FORMAT:
            raise ValueError("another format")
        return tuple(str(one["symbol"]) for one in tree["symbols"])
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file: python -m services.universe --output {path}") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{path}: is damaged: make it anew: python -m services.universe --output {path}") from None


async def _ask(settings: BinanceSettings) -> tuple[str, Mapping[str, BinanceRules], list[Turnover], int]:
    from keel.wire.binance_questions import turnovers
    from keel.wire.binance_symbols import BinanceSymbols

    link = link_to(settings)
    try:
        rules = await BinanceSymbols(link).refresh()
        return host_of(link), rules, await turnovers(link), link.clock.wall_ms()
    except RetryableError as error:
        raise unanswered(host_of(link), error) from None
    finally:
        await link.close(_USER)
