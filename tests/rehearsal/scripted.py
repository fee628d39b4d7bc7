"""Strategies that do one thing with orders, for rehearsals of what our venue does not keep."""

from __future__ import annotations

from keel.domain.orders import EventKind
from keel.strategies.port import Context, EventStrategy, StrategyParams


class Scripted(EventStrategy):
    """Follow a script; `told` is what was heard, `step` how many closes were decided on."""

    class Params(StrategyParams):
        script: str
        low: float = 0.999
        high: float = 1.001
        minutes: int = 3
        qty: float = 0.1

    told: list[tuple[int, str, str, int | None]]

    def prepare(self, bars: object) -> None:
        self.step, self.told, self.order = 0, [], -1

    def follow(self, bars: object) -> None:
        """Keep what was counted."""

    def on_bar(self, context: Context) -> None:
        for report in context.reports:
            self.told.append((self.step, report.kind.name, report.reason.name, report.order))
        getattr(self, self.params.script)(context, self._symbol(context), self.params)
        self.step += 1

    def _symbol(self, context: Context) -> str:
        return str(context.bars.symbols[0])

    def legs(self, context: Context, symbol: str, p: Params) -> None:
        """Buy with a stop-loss and a take-profit whenever there is nothing."""
        if context.account.position_qty[0] == 0.0 and not context.orders:
            price = context.close(symbol)
            context.buy(symbol, p.qty, stop_loss=price * p.low, take_profit=price * p.high)

    def trailing(self, context: Context, symbol: str, p: Params) -> None:
        """Buy once with a stop that follows at a distance in currency."""
        if self.step == 0:
            context.buy(symbol, p.qty, stop_trail=context.close(symbol) * (1 - p.low))

    def gtd(self, context: Context, symbol: str, p: Params) -> None:
        """Bid far below, for so many minutes."""
        if self.step == 0:
            ends_ms = int(context.bars.close_ts_ms[-1]) + p.minutes * 60_000
            self.order = context.buy(
                symbol, p.qty, limit=context.close(symbol) * p.low, time_in_force="gtd", expires_ms=ends_ms
            )

    def day(self, context: Context, symbol: str, p: Params) -> None:
        """Bid far below, for the day."""
        if self.step == 0:
            self.order = context.buy(symbol, p.qty, limit=context.close(symbol) * p.low, time_in_force="day")

    def amend(self, context: Context, symbol: str, p: Params) -> None:
        """Bid far below; later for less of it, then at a price that trades."""
        if self.step == 0:
            self.order = context.buy(symbol, p.qty, limit=context.close(symbol) * p.low)
        elif self.step == 3:
            context.amend(self.order, qty=p.qty / 2)
        elif self.step == 8:
            context.amend(self.order, limit=context.close(symbol) * p.high)

    def sell(self, context: Context, symbol: str, p: Params) -> None:
        """Buy with a far stop, and sell by a target later."""
        if self.step == 0:
            context.buy(symbol, p.qty, stop_loss=context.close(symbol) * p.low)
        elif self.step == p.minutes:
            context.set_target(symbol, 0.0)

    def pair(self, context: Context, symbol: str, p: Params) -> None:
        """Bid below and buy above, whichever comes first; the other is not wanted then."""
        if self.step == 0:
            price = context.close(symbol)
            first = context.buy(symbol, p.qty, limit=price * p.low)
            context.pair(first, context.buy(symbol, p.qty, stop=price * p.high))

    def once(self, context: Context, symbol: str, p: Params) -> None:
        """Buy once, with a stop-loss and a take-profit."""
        if self.step == 0:
            price = context.close(symbol)
            context.buy(symbol, p.qty, stop_loss=price * p.low, take_profit=price * p.high)

    def lifetimes(self, context: Context, symbol: str, p: Params) -> None:
        """Buy at market with one try, and above the market whole or not at all."""
        if self.step == 0:
            context.buy(symbol, p.qty, time_in_force="ioc")
            context.buy(symbol, p.qty, stop=context.close(symbol) * p.high, time_in_force="fok", stop_loss=1.0)

    def watch(self, context: Context, symbol: str, p: Params) -> None:
        """Do nothing."""

    def heard(self, kind: EventKind) -> list[tuple[str, int | None]]:
        return [(reason, order) for _, what, reason, order in self.told if what == kind.name]
