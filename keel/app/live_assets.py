"""What a live run's config says of its symbols: their assets, the grids of their orders, and whether they split."""

from __future__ import annotations

from keel.app.way import Way
from keel.config.modes import LiveRun
from keel.data.market_hours import MarketHours
from keel.live.split_days import SplitDays, SplitsOnly
from keel.live.standing import Grid


def assets_of(config: LiveRun) -> tuple[dict[str, str], dict[str, str]]:
    """Return each symbol's base asset and quote currency, by symbol; of a stock the asset is the symbol."""
    pairs = {symbol: symbol.partition("/") for symbol in config.data.symbols}
    quotes = {
        symbol: pair[2] or config.market.rules_for(symbol).quote_currency or config.account.currency
        for symbol, pair in pairs.items()
    }
    return {symbol: pair[0] for symbol, pair in pairs.items()}, quotes


def grid_of(config: LiveRun, symbol: str) -> Grid:
    """Return the grids and minimums of a symbol's orders."""
    rules = config.market.rules_for(symbol)
    return Grid(rules.tick_size, rules.step_size, rules.min_qty, rules.min_notional)


def split_days_of(way: Way, config: LiveRun, hours: MarketHours | None) -> SplitDays | None:
    """Return what knows the splits of a run's symbols, None where the way tells of none."""
    if way.holders is None:
        return None
    news = SplitsOnly(way.holders) if config.dry_run else way.holders
    return SplitDays(news, config.data.symbols, config.market.timezone, hours)
