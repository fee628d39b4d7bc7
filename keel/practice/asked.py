"""The parameters of a request, read and checked as the exchange does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl

from keel.practice.amounts import PLACES
from keel.practice.refusals import AMOUNT_RANGE, Refusal, illegal, missing

_SIGNATURE: Final = re.compile(r"(?:^|&)signature=([^&]*)")
_WHOLE_RANGE: Final = r"^[0-9]{1,20}$"
SIGNED_NAMES: Final = frozenset({"timestamp", "recvWindow", "signature"})


class Asked:
    """Hold the parameters of one request. `payload` is what is signed: query then body, without the signature."""

    def __init__(self, values: Mapping[str, str], payload: str = "", signature: str | None = None) -> None:
        self._values = dict(values)
        self.payload, self.signature = payload, signature

    @classmethod
    def read(cls, query: str, body: str) -> Asked:
        """Read a raw query string and a form body; the query wins. Refuses a parameter that is sent twice."""
        values: dict[str, str] = {}
        for part in (body, query):
            pairs = parse_qsl(part, keep_blank_values=True)
            if len({name for name, _ in pairs}) < len(pairs):
                raise Refusal(-1101, "Duplicate values for a parameter detected.")
            values.update(pairs)
        found = _SIGNATURE.search(query) or _SIGNATURE.search(body)
        payload = _SIGNATURE.sub("", query) + _SIGNATURE.sub("", body)
        return cls(values, payload, None if found is None else found[1])

    @classmethod
    def of_socket(cls, params: Mapping[str, Any]) -> Asked:
        """Read the parameters of a WebSocket request, which are signed in alphabetical order."""
        values = {name: str(value) for name, value in params.items()}
        signed = "&".join(f"{name}={values[name]}" for name in sorted(values) if name != "signature")
        return cls(values, signed, values.get("signature"))

    def allow(self, names: frozenset[str]) -> None:
        """Refuse parameters that the endpoint does not have."""
        read = sum(name in names for name in self._values)
        if read < len(self._values):
            told = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(self._values)}'."
            raise Refusal(-1104, told)

    def has(self, name: str) -> bool:
        """Say whether a parameter was sent."""
        return name in self._values

    def text(self, name: str, legal: str | None = None) -> str:
        """Return a parameter that is needed."""
        value = self.optional(name, legal)
        if value is None:
            raise missing(name)
        return value

    def optional(self, name: str, legal: str | None = None) -> str | None:
        """Return a parameter, or None where it was not sent."""
        value = self._values.get(name)
        if value == "":
            raise Refusal(-1105, f"Parameter '{name}' was empty.")
        if value is not None and legal is not None and re.fullmatch(legal.strip("^$"), value) is None:
            raise illegal(name, legal)
        return value

    def amount(self, name: str) -> Decimal | None:
        """Return a price or quantity of at most eight places."""
        value = self.optional(name, AMOUNT_RANGE)
        if value is None:
            return None
        number = Decimal(value)
        if -int(number.normalize().as_tuple().exponent) > PLACES:
            raise Refusal(-1111, f"Parameter '{name}' has too much precision.")
        return number

    def needed_amount(self, name: str) -> Decimal:
        """Return a price or quantity that is needed."""
        value = self.amount(name)
        if value is None:
            raise missing(name)
        return value

    def whole(self, name: str) -> int | None:
        """Return a whole number, such as an order's id or a time."""
        value = self.optional(name, _WHOLE_RANGE)
        return None if value is None else int(value)

    def limit(self, most: int = 1000, usual: int = 500) -> int:
        """Return how many entries are wanted."""
        value = self.whole("limit")
        if value == 0:
            raise missing("limit")
        return min(usual if value is None else value, most)
