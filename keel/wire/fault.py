"""What an error of a request means, whichever venue it came from."""

from __future__ import annotations

from dataclasses import dataclass

from keel.domain.venue_messages import Outcome


@dataclass(frozen=True, slots=True)
class Fault:
    """Hold what an error means. `pause_s` is set where the venue wants no request for a time.

    `is_late`: the stamp was at fault, not the request. `orders_full`: its limit on orders is used up, who knows for
    how long.
    """

    outcome: Outcome
    reason: str
    code: int | None = None
    status: int | None = None
    shut_out: bool = False
    pause_s: float | None = None
    banned: bool = False
    is_late: bool = False
    orders_full: bool = False
