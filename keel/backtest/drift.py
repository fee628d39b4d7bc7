"""What a live run came to beside what the simulator makes of the same bars, and the difference by cause.

The run is played again step by step from simulation to reality, one thing at a time taken over from what happened:

    simulated   every close is decided on, under the first session's config
    config      each session has its own config
    missed bar  only the closes that were decided on are
    by hand     what scripts/flatten.py or the kill switch closed is closed, at the price that this had
    held back   the orders that reached the venue are sent, no others: what a block, a refusal or a latch stopped,
                and what the stop of a session cancelled
    latency     they arrive when they did
    price       each fill has the price it had: spread and impact beyond the model
    fees        each fill has the fee it had, and what the account was charged without a trade counts
    rounding    quantities within a step, money within the wire's decimals
    rest        what none of them explains: partial fills, the book set to the venue's, trades that were not ours

The differences of neighbours add up to the whole; money is exact from here on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from keel.domain.venue_messages import VenueFill

CAUSES: Final = ("config", "missed bar", "by hand", "held back", "latency", "price", "fees", "rounding", "rest")
_WIRE: Final = Decimal("1e-8")
"""The wire's decimals, of a quantity or an amount."""
_CENT: Final = Decimal("1e-10")
"""What equities are rounded to before they are compared, account currency."""


@dataclass
class Filled:
    """Add up the fills of one order: base units, value and fees in account currency, fees in base units."""

    side: int = 0
    qty: Decimal = Decimal(0)
    value: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    fee_qty: Decimal = Decimal(0)
    n: int = 0

    def add(self, side: int, qty: Decimal, price: Decimal, fee: Decimal, fee_qty: Decimal) -> None:
        """Add a fill; `fee` is what is paid in money, `fee_qty` what is kept from what was bought."""
        self.side = side
        self.qty += qty
        self.value += qty * price
        self.fee += fee
        self.fee_qty += fee_qty
        self.n += 1

    def take(self, fill: VenueFill, quote: str) -> None:
        """Add a trade as its venue told it; a fee in a currency that is neither side's is not in this book."""
        paid = fill.fee if fill.fee_currency == quote else Decimal(0)
        kept = fill.fee if fill.fee_currency == fill.symbol.partition("/")[0] else Decimal(0)
        self.add(fill.side.value, fill.qty, fill.price, paid, kept)

    @property
    def price(self) -> Decimal:
        """Return the average price, 0 without a fill."""
        return self.value / self.qty if self.qty else Decimal(0)

    def gain(self, last_price: Decimal) -> Decimal:
        """Return what the fills have added to equity by a last price."""
        return self.side * (self.qty * last_price - self.value) - self.fee - self.fee_qty * last_price


@dataclass(frozen=True)
class Pair:
    """Hold one order as it was filled live and as it is when it is simulated; `step` is its quantity step."""

    live: Filled
    simulated: Filled
    last_price: Decimal
    step: Decimal


@dataclass(frozen=True)
class Equities:
    """Hold the equity at the last close, each playing taking over one thing more from what happened."""

    simulated: Decimal
    own_configs: Decimal
    decided_only: Decimal
    by_hand: Decimal
    as_sent: Decimal
    as_arrived: Decimal
    live: Decimal
    sizes: Decimal = Decimal(0)
    """Part of as_sent - by_hand that comes from orders of the same close whose sizes are within a step."""
    fees_booked: Decimal = Decimal(0)
    """Part of live that the account was charged without a trade, below 0: what a broker takes at the end of a day."""


@dataclass(frozen=True)
class Drift:
    """Hold both equities, the difference by cause, account currency, and what was counted."""

    simulated: Decimal
    live: Decimal
    causes: Mapping[str, Decimal]
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def difference(self) -> Decimal:
        """Return live minus simulated: the sum of the causes."""
        return self.live - self.simulated


def split(equities: Equities, pairs: Sequence[Pair], counts: Mapping[str, int] | None = None) -> Drift:
    """Split the difference by cause; they add up to it exactly."""
    rounded = {name: money(getattr(equities, name)) for name in Equities.__dataclass_fields__}
    causes = dict.fromkeys(CAUSES, Decimal(0))
    causes["config"] = rounded["own_configs"] - rounded["simulated"]
    causes["missed bar"] = rounded["decided_only"] - rounded["own_configs"]
    causes["by hand"] = rounded["by_hand"] - rounded["decided_only"]
    causes["held back"] = rounded["as_sent"] - rounded["by_hand"] - rounded["sizes"]
    causes["rounding"] = rounded["sizes"]
    causes["fees"] = rounded["fees_booked"]
    causes["latency"] = rounded["as_arrived"] - rounded["as_sent"]
    for pair in pairs:
        _split_order(pair, causes)
    total = rounded["live"] - rounded["simulated"]
    left = total - sum(causes.values(), Decimal(0))
    causes["rounding" if abs(left) <= _tolerance(pairs) else "rest"] += left
    return Drift(rounded["simulated"], rounded["live"], causes, counts or {})


def money(value: Decimal | float) -> Decimal:
    """Return an amount of account currency, rounded so finely that nothing is lost by it."""
    return Decimal(value).quantize(_CENT)


def _split_order(pair: Pair, causes: dict[str, Decimal]) -> None:
    live, simulated, last = pair.live, pair.simulated, pair.last_price
    both = min(live.qty, simulated.qty)
    side = live.side or simulated.side
    if both:
        causes["price"] += money(side * both * (simulated.price - live.price))
    fees = money(simulated.fee + simulated.fee_qty * last - live.fee - live.fee_qty * last)
    few = _WIRE * (live.n + simulated.n) * (last + 1)
    causes["rounding" if abs(fees) <= few else "fees"] += fees
    more = live if live.qty > simulated.qty else simulated
    left = money(side * (live.qty - simulated.qty) * (last - more.price))
    causes["rounding" if abs(live.qty - simulated.qty) <= pair.step else "rest"] += left


def _tolerance(pairs: Sequence[Pair]) -> Decimal:
    """Return what the wire's decimals may come to, fill by fill."""
    fills = sum((_WIRE * (pair.live.n + pair.simulated.n) * (pair.last_price + 1) for pair in pairs), Decimal(0))
    return fills + _WIRE
