"""The command that asks what the key's account pays, and writes it as a section of a config."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from keel.app.exchange_options import (
    Address,
    Environment,
    host_of,
    link_to,
    load_or_none,
    settings_of,
    unanswered,
    venue_of,
)
from keel.domain.errors import RetryableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keel.wire.binance_link import BinanceSettings
    from keel.wire.binance_questions import Commission

_USER: Final = "fees"
_BPS: Final = 10_000


def refresh_fees(
    *,
    symbol: Annotated[
        list[str] | None,
        typer.Option(help="Symbol such as BTC/USDT; may be repeated. Default: the config's.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Config whose symbols and exchange are asked, such as configs/config_live.yaml.")
    ] = None,
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("data/fees/binance.yaml"),
    environment: Environment = None,
    address: Address = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the fees as JSON, for programs.")] = False,
) -> None:
    """Ask what your account pays, and write it as a fees section that a config can extend; print it, too.

    Needs BINANCE_API_KEY and BINANCE_API_SECRET. A discount that the account has on (fees paid in BNB) is in the \
figures, so fees.discount is 0. Where symbols pay differently the section takes the dearest; each is told in a comment.

    Use it in a config with: extends: \\[base/crypto.yaml, ../data/fees/binance.yaml]

    Exit code 0; 2 where keys are missing or Binance does not answer; 4 where it refuses the key.

    [bold]Example[/bold]

    python scripts/refresh_fees.py --config configs/config_live.yaml
    """
    from keel.wire.rules_file import write_whole

    loaded = load_or_none(config)
    symbols = symbol or ([] if loaded is None else list(loaded.config.data.symbols))
    if not symbols:
        raise UsageError("which symbols? Give --symbol BTC/USDT, or --config")
    settings = settings_of(venue_of(loaded, environment, address), with_keys=True)
    host, paid = asyncio.run(_ask(settings, symbols))
    text = fees_section(host, symbols, paid, datetime.now(UTC))
    write_whole(out, text)
    if as_json:
        told = {
            one: {"taker_bps": _bps(fee.taker), "maker_bps": _bps(fee.maker)} for one, fee in paid_by(symbols, paid)
        }
        sys.stdout.write(json.dumps({"file": str(out), "symbols": told}) + "\n")
    else:
        sys.stdout.write(f"{text}\nwritten to {out}\n")


def fees_section(host: str, symbols: Sequence[str], paid: Sequence[Commission], now: datetime) -> str:
    """Return the YAML of section fees: the dearest of the symbols', bps, each named in a comment."""
    lines = [f"# What the account pays at {host}, {now:%Y-%m-%d %H:%M} UTC, discount included:"]
    for symbol, fee in paid_by(symbols, paid):
        lines.append(f"#   {symbol}: taker {_bps(fee.taker):g} bps, maker {_bps(fee.maker):g} bps")
    taker, maker = (max(_bps(getattr(fee, kind)) for fee in paid) for kind in ("taker", "maker"))
    return "\n".join([*lines, "fees:", f"  taker_bps: {taker:g}", f"  maker_bps: {maker:g}", "  discount: 0", ""])


def paid_by(symbols: Sequence[str], paid: Sequence[Commission]) -> list[tuple[str, Commission]]:
    """Return each symbol with what is paid for it."""
    return list(zip(symbols, paid, strict=True))


def _bps(rate: object) -> float:
    from decimal import Decimal

    return float(Decimal(str(rate)) * _BPS)


async def _ask(settings: BinanceSettings, symbols: Sequence[str]) -> tuple[str, list[Commission]]:
    from keel.wire.binance_questions import commission
    from keel.wire.binance_symbols import BinanceSymbols

    link = link_to(settings)
    try:
        await link.sync.refresh()
        known = BinanceSymbols(link)
        await known.refresh()
        return host_of(link), [await commission(link, known.rules(symbol).wire_symbol) for symbol in symbols]
    except RetryableError as error:
        raise unanswered(host_of(link), error) from None
    finally:
        await link.close(_USER)
