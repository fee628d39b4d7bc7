"""Checks of the keys to the exchange: there, taken, able to trade, unable to withdraw."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from keel.preflight.check import CheckResult
from keel.preflight.findings import VenueFindings
from keel.preflight.live_checks import failed, not_applicable, passed, with_keys_only
from keel.preflight.live_need import LiveNeed

_WHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "practice": "the practice venue",
        "testnet": "the exchange's testnet",
        "paper": "the exchange's paper account",
        "real": "the exchange itself",
    }
)
_MAKERS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "binance": {
            "practice": "set the keys that the practice venue was started with",
            "testnet": "make a key at testnet.binance.vision",
            "real": "make a key in API Management of your account, allow trading to it and this machine's IP",
        },
        "alpaca": {
            "practice": "set the keys that the practice venue was started with",
            "paper": "make keys of the paper account in Alpaca's dashboard",
            "real": "make keys of the live account in Alpaca's dashboard",
        },
    }
)
_WORLD: Final[Mapping[str, str]] = MappingProxyType({"binance": "venue.environment", "alpaca": "venue.paper"})


def check_keys(need: LiveNeed, name: str) -> CheckResult:
    """Check that every key is in the environment, not empty, and without blanks."""
    missing = [variable for variable, there in need.keys.items() if not there]
    if not missing:
        return passed(name, f"{', '.join(need.keys)} are set")
    mend = f"{_MAKERS[need.venue][need.environment]}, then: export " + " ".join(
        f"{variable}=..." for variable in missing
    )
    return with_keys_only(need, failed(name, f"not set, empty or with blanks: {', '.join(missing)}", mend))


def check_key_validity(need: LiveNeed, name: str, found: VenueFindings) -> CheckResult:
    """Check that the exchange takes the keys, in the world that the config means."""
    where = _WHERE[need.environment]
    if found.key.value is not None:
        return passed(name, f"{where} takes the key")
    if not found.key.shut_out:
        return with_keys_only(need, failed(name, f"not known: {found.key.why}", "try again; is the address right?"))
    others = " and ".join(_WHERE[world] for world in _MAKERS[need.venue] if world != need.environment)
    detail = f"{where} refused the key: {found.key.why}"
    make, key = _MAKERS[need.venue][need.environment], _WORLD[need.venue]
    mend = f"a key of {others} is no key here: {make}, or set {key} to the key's own"
    return with_keys_only(need, failed(name, detail, mend))


def check_key_permissions(need: LiveNeed, name: str, found: VenueFindings) -> CheckResult:
    """Check that the key may trade and may not withdraw."""
    key = found.key.value
    if key is None:
        return not_applicable(name, "the key was not taken")
    if not key.can_trade:
        mend = "allow trading to the key, or see what the exchange has blocked the account for"
        return with_keys_only(need, failed(name, "the key may not trade", mend))
    if key.can_withdraw:
        mend = "take the withdrawal permission from the key: whoever steals it could empty the account"
        return with_keys_only(need, failed(name, "the key may withdraw", mend))
    if key.can_withdraw is None:
        return passed(name, f"may trade; {_WHERE[need.environment]} knows no permission to withdraw")
    return passed(name, "may trade, may not withdraw")
