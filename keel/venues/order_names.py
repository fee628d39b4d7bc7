"""What orders are called, by their venue's number for them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_NAMES_KEPT: Final = 10_000


class OrderNames:
    """Remember what orders are called, by their venue's number for them: the last ten thousand."""

    def __init__(self) -> None:
        self._names: OrderedDict[tuple[str, str], str] = OrderedDict()

    def learn(self, wire_symbol: str, venue_order_id: str, client_order_id: str) -> None:
        """Remember one."""
        self._names[wire_symbol, venue_order_id] = client_order_id
        if len(self._names) > _NAMES_KEPT:
            self._names.popitem(last=False)

    def get(self, wire_symbol: str, venue_order_id: str) -> str | None:
        """Return one, None where it is not remembered."""
        return self._names.get((wire_symbol, venue_order_id))
