"""The options by which operator commands say which Binance they ask, and the way there."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import typer

from keel.domain.errors import UsageError

if TYPE_CHECKING:
    from keel.config.load import LoadedConfig
    from keel.config.venue import BinanceSection
    from keel.domain.errors import RetryableError
    from keel.wire.binance_link import BinanceLink, BinanceSettings

Environment: TypeAlias = Annotated[
    Literal["practice", "testnet", "real"] | None,
    typer.Option(
        help="Which Binance: practice (on this machine), testnet or real. Default: the config's, else real.",
        show_default=False,
    ),
]
Address: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Address of the practice venue, such as http://127.0.0.1:8900.", show_default=False),
]
KEY: Final = "BINANCE_API_KEY"
SECRET: Final = "BINANCE_API_SECRET"  # noqa: S105 - a variable's name
_TIMEOUT_S: Final = 20.0
_RETRIES: Final = 2
_BASE_S, _LONGEST_S = 0.5, 60.0
_CANCEL_SHARE: Final = 0.2
"""Left of the exchange's limits, for a live run at the same address may need it."""
_STATE: Final = Path("state")


def venue_of(loaded: LoadedConfig | None, environment: str | None, address: str | None) -> BinanceSection:
    """Return which Binance is meant: the options', else a live config's, else the real one. Raises UsageError."""
    from pydantic import ValidationError

    from keel.config.modes import LiveRun
    from keel.config.venue import BinanceSection

    if environment is None and address is None and loaded is not None and isinstance(loaded.config, LiveRun):
        if not isinstance(loaded.config.venue, BinanceSection):
            raise UsageError(f"{loaded.path}: venue.kind is {loaded.config.venue.kind}: this command is of Binance")
        return loaded.config.venue
    named = environment or ("practice" if address is not None else "real")
    try:
        return BinanceSection.model_validate({"kind": "binance", "environment": named, "address": address})
    except ValidationError as error:
        first = error.errors()[0]
        told = first["msg"] if first["type"] == "rule" else "expected an address such as http://127.0.0.1:8900"
        raise UsageError(f"--environment {named} --address {address or ''}: {' '.join(str(told).split())}") from None


def settings_of(venue: BinanceSection, *, with_keys: bool = False) -> BinanceSettings:
    """Return how a command asks Binance: patiently, and never inside a time in which it wants no request.

    Raises UsageError where keys are needed and missing.
    """
    from keel.wire.binance_link import BinanceSettings

    key, secret = (os.environ.get(name, "").strip() or None for name in (KEY, SECRET))
    if with_keys and not (key and secret):
        raise UsageError(f"{KEY} and {SECRET} are not set: export them first; keys never stand in a file")
    return BinanceSettings(
        environment=venue.environment,
        practice_address=venue.address,
        recv_window_ms=venue.recv_window_ms,
        timeout_s=_TIMEOUT_S,
        retries=_RETRIES,
        cancel_share=_CANCEL_SHARE,
        backoff_base_s=_BASE_S,
        max_backoff_s=_LONGEST_S,
        clock_refresh_s=_LONGEST_S,
        seed=os.getpid(),
        state_dir=_STATE if _STATE.is_dir() else None,
        key=key if with_keys else None,
        secret=secret if with_keys else None,
    )


def link_to(settings: BinanceSettings) -> BinanceLink:
    """Return the way to Binance; it connects at the first question."""
    from keel.domain.clock import WallClock
    from keel.wire.binance_link import BinanceLink

    return BinanceLink(settings, WallClock())


def load_or_none(config: Path | None) -> LoadedConfig | None:
    """Return a config, None where none was asked for. Raises ConfigError as loading does."""
    from keel.config.load import load_config

    return None if config is None else load_config(config)


def filters_file(asked: Path | None, loaded: LoadedConfig | None, default: Path) -> Path:
    """Return the file that an exchange's rules go to: the one asked for, else a live config's live.filters."""
    from keel.config.modes import LiveRun

    if asked is not None:
        return asked
    if loaded is not None and isinstance(loaded.config, LiveRun):
        return Path(loaded.config.live.filters)
    return default


def unanswered(host: str, error: RetryableError, hint: str = "is it up, and the address right?") -> UsageError:
    """Return how a command ends that got no answer: with a hint, or with the time that rate limits ask for."""
    mend = hint if error.wait_s is None else f"wait {ceil(error.wait_s)} s, then try again"
    return UsageError(f"{host}: {error}; {mend}")


def host_of(link: BinanceLink) -> str:
    """Return the host that is asked, with its port if it has one."""
    from urllib.parse import urlsplit

    return urlsplit(link.addresses.rest).netloc
