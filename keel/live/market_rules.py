"""The venue's rules of our symbols while we trade: where they are not those we trade by, nothing is opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from keel.config.market import InstrumentRules
from keel.journal.entries import Alarm, Level, Note
from keel.journal.journal import Journal
from keel.live.blocks import Blocks
from keel.wire.venue_rules import VenueRules

_PART: Final = "rules"
_NAMES: Final = ("tick_size", "step_size", "min_qty", "min_notional")


@dataclass
class RulesWatch:
    """Compare what the venue says with `ours`, by symbol. `ask` returns the venue's, or raises as questions do."""

    ask: Callable[[], Awaitable[Mapping[str, VenueRules]]]
    ours: Mapping[str, InstrumentRules]
    blocks: Blocks
    journal: Journal
    lend: Callable[[str, bool], None]
    """Told whether a symbol may be sold short."""
    _lent: dict[str, bool] = field(default_factory=dict)

    @property
    def has_shorts(self) -> bool:
        """Say whether some symbol may be sold short by our rules: the venue may know better."""
        return any(rules.shortable for rules in self.ours.values())

    async def check(self) -> bool:
        """Compare once; hold entries back where something differs. Return whether all is as it should be."""
        theirs = await self.ask()
        self._take_lending(theirs)
        wrong = [text for symbol, rules in self.ours.items() for text in _differences(symbol, rules, theirs)]
        changed = self.blocks.set(_PART, "; ".join(wrong) or None)
        if changed and wrong:
            self.journal.append([Alarm(f"nothing is opened: {'; '.join(wrong)}")])
        elif changed:
            self.journal.append([Note("the venue's rules are ours again")])
        return not wrong

    def _take_lending(self, theirs: Mapping[str, VenueRules]) -> None:
        """Deny shorts of what the venue does not lend now."""
        for symbol, rules in self.ours.items():
            if not rules.shortable:
                continue
            there = theirs.get(symbol)
            lent = there is not None and there.is_lent
            self.lend(symbol, lent)
            if lent is not self._lent.get(symbol, True):
                what = "can be borrowed again" if lent else "is not easy to borrow: no short of it is opened"
                self.journal.append([Note(f"{symbol} {what}", symbol, Level.INFO if lent else Level.WARN)])
            self._lent[symbol] = lent


def _differences(symbol: str, ours: InstrumentRules, theirs: Mapping[str, VenueRules]) -> list[str]:
    there = theirs.get(symbol)
    if there is None or not there.is_trading:
        return [f"the venue does not trade {symbol} now"]
    pairs = ((name, Decimal(getattr(ours, name)), Decimal(getattr(there, name))) for name in _NAMES)
    wrong = ((name, old, new) for name, old, new in pairs if not there.fits(name, old))
    return [f"{symbol}: the venue's {name} is {new:f} now, ours {old:f}" for name, old, new in wrong]
