"""The accounts at their beginning: the simulator's parameters, and what each has."""

from __future__ import annotations

from collections.abc import Sequence

from keel.config.practice import PracticeAccount, PracticeConfig
from keel.domain.clock import Clock
from keel.domain.instrument import Instrument
from keel.domain.orders import TimeInForce
from keel.practice.account import Account, Numbers
from keel.practice.amounts import exact
from keel.practice.ledger import Ledger
from keel.practice.limits import OrderLimits
from keel.practice.market import Market
from keel.practice.matching import Matching
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
