"""The accounts at their beginning: the simulator's parameters, and what each has."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from keel.config.practice import PracticeAccount, PracticeConfig
from keel.domain.clock import Clock
from keel.domain.instrument import Instrument
from keel.domain.layout import BAR, BAR_PRESENT, RUN, SLOT
from keel.domain.orders import TimeInForce
from keel.practice.account import Account, Numbers
from keel.practice.amounts import ZERO, exact
from keel.practice.ledger import Ledger
from keel.practice.limits import OrderLimits
from keel.practice.market import Market
from keel.practice.matching import Matching
from keel.practice.orders import Order
from keel.practice.symbol_rules import SymbolRules
from keel.sim.exchange import Exchange
from keel.sim.parameters import run_records, slot_records


def symbol_rules(config: PracticeConfig, market: Market) -> tuple[SymbolRules, ...]:
    """Return the rules of the symbols, in the configured order."""
    return tuple(
        SymbolRules(name, market.assets(i), config.market.rules_for(symbol), config.filters)
        for i, (name, symbol) in enumerate(zip(market.names, config.data.symbols, strict=True))
    )


def open_account(
    config: PracticeConfig,
    name: str,
    instruments: Sequence[Instrument],
    market: Market,
    rules: tuple[SymbolRules, ...],
    numbers: Numbers,
    clock: Clock,
) -> Account:
    """Return an account with its starting balances, whose exchange has seen the history."""
    terms = config.accounts[name]
    ledger = _ledger(config, terms, market)
    matching = _matching(config, terms, instruments, market, ledger)
    for row in range(market.first_row):
        matching.watch(market.bars[row])
    return Account(name, terms, ledger, matching, OrderLimits(config.limits, clock), rules, numbers)


def _ledger(config: PracticeConfig, terms: PracticeAccount, market: Market) -> Ledger:
    assets = dict.fromkeys([config.account.currency, *(market.assets(i)[0] for i in range(len(market.names)))])
    given = terms.balances or {config.account.currency: exact(config.account.initial_cash)}
    return Ledger({asset: given.get(asset, exact(0.0)) for asset in (*assets, *given)})


def _matching(
    config: PracticeConfig,
    terms: PracticeAccount,
    instruments: Sequence[Instrument],
    market: Market,
    ledger: Ledger,
) -> Matching:
    simulated = config.simulated(terms)
    run, slots = run_records(simulated), slot_records(simulated, instruments)
    run["cash"][:] = float(ledger.total(config.account.currency))
    for i, slot in enumerate(slots):
        slot["qty"][:] = float(ledger.total(market.assets(i)[0]))
    return Matching(Exchange(run, slots), TimeInForce[config.execution.time_in_force.upper()])


def load_matching() -> None:
    """Load the compiled simulator before anybody waits for it: the first call of each of its parts takes a while."""
    run, slots, bars = np.zeros(1, RUN), np.zeros(1, SLOT), np.zeros(1, BAR)
    run["cash"] = 1.0
    for name in ("open", "high", "low", "close"):
        bars[name] = 1.0
    bars["close_ts_ms"], bars["flags"] = 60_000, BAR_PRESENT
    matching = Matching(Exchange(run, slots), TimeInForce.GTC)
    matching.watch(bars)
    bars["open_ts_ms"], bars["close_ts_ms"] = 60_000, 120_000
    order = Order(1, 0, "", "", "BUY", "MARKET", "GTC", Decimal("0.5"), ZERO, ZERO, None, ZERO, 60_000)
    matching.submit(order.ticket, 60_000)
    matching.cancel(1, 60_000)
    matching.begin_row(bars)
    matching.end_row()
