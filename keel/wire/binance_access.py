"""What a key may do, which world it belongs to, and how long the way to the exchange is."""

from __future__ import annotations

from dataclasses import dataclass

from keel.domain.errors import HaltTradingError, RetryableError
from keel.wire.binance_link import BinanceLink
from keel.wire.retry_after import BannedError

_PERMISSIONS_WEIGHT, _ACCOUNT_WEIGHT = 1, 20


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """Say what a key may do. `may_withdraw` None: the environment has no endpoint that tells (Binance's testnet).

    `accepted` False: the environment does not know the key, or not from this address; a key of the testnet at the
    real exchange and the reverse are answered so (-2015).
    """

    accepted: bool
    may_trade: bool
    may_withdraw: bool | None
    reason: str = ""


async def read_key_access(link: BinanceLink) -> KeyAccess:
    """Return what the key may do. Raises RetryableError for no answer, HaltTradingError while we are banned."""
    try:
        account = await link.ask(_ACCOUNT_WEIGHT, lambda client: client.get_account())
        limits = await _restrictions(link)
    except BannedError:
        raise
    except HaltTradingError as error:
        return KeyAccess(accepted=False, may_trade=False, may_withdraw=None, reason=str(error))
    may_trade = account.get("canTrade") is True
    if limits is None:
        return KeyAccess(accepted=True, may_trade=may_trade, may_withdraw=None)
    try:
        allowed, withdraws = limits["enableSpotAndMarginTrading"], limits["enableWithdrawals"]
    except (KeyError, TypeError):
        raise RetryableError("Binance's answer on the key's permissions cannot be read") from None
    return KeyAccess(accepted=True, may_trade=may_trade and allowed is True, may_withdraw=withdraws is not False)


async def read_round_trip_ms(link: BinanceLink) -> float:
    """Return the quickest of a few round trips to the exchange, milliseconds. Raises as questions do."""
    return (await link.sync.refresh()).round_trip_ms


async def _restrictions(link: BinanceLink) -> dict[str, object] | None:
    if link.addresses.account is None:
        return None
    answer: dict[str, object] = await link.ask(_PERMISSIONS_WEIGHT, lambda client: client.get_account_api_permissions())
    return answer
