"""Who asks: keys, signatures, and whether a request comes in time.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from keel.practice.asked import Asked
from keel.practice.refusals import Refusal, invalid_key, missing

KEY_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_AHEAD_MS: Final = 1000
_USUAL_WINDOW_MS: Final = 5000
_LONGEST_WINDOW_MS: Final = 60_000
_WINDOW_RANGE: Final = r"^[0-9]{1,5}(\.[0-9]{1,3})?$"


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """Hold a key and its secret; neither is ever shown."""

    key: str
    secret: str


def check_key(given: str | None, known: KeyPair | None) -> None:
    """Refuse a key that is no key, or none of ours."""
    if given is None or KEY_SHAPE.fullmatch(given) is None:
        raise Refusal(-2014, "API-key format invalid.", 401)
    if known is None:
        raise invalid_key()


def check_time(asked: Asked, now_ms: int) -> None:
    """Refuse a request whose stamp is too old or ahead of the venue's clock."""
    stamp = asked.whole("timestamp")
    if stamp is None:
        raise missing("timestamp")
    window = Decimal(asked.optional("recvWindow", _WINDOW_RANGE) or _USUAL_WINDOW_MS)
    if window > _LONGEST_WINDOW_MS:
        raise Refusal(-1131, "recvWindow must be less than 60000.")
    if stamp >= now_ms + _AHEAD_MS:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - stamp > window:
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def check_signature(asked: Asked, pair: KeyPair) -> None:
    """Refuse a request that was not signed with the key's secret."""
    if not asked.signature:
        raise missing("signature")
    wanted = hmac.new(pair.secret.encode(), asked.payload.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, asked.signature.lower()):
        raise Refusal(-1022, "Signature for this request is not valid.")
