"""The configuration of the practice venue: whose bars it replays, how fast, by which rules, for which accounts."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, Strict, model_validator

from keel.config.account import AccountSection
from keel.config.costs import (
    FeesSection,
    ImpactSection,
    LatencySection,
    SeasonalitySection,
    SpreadSection,
    VolatilitySection,
)
from keel.config.data import DataSection
from keel.config.execution import ExecutionSection
from keel.config.faults import MEANINGLESS, Fault, RandomFaults, Wire
from keel.config.market import MarketSection
from keel.config.modes import SimRun
from keel.config.quality import QualitySection
from keel.config.run import RunSection
from keel.config.section import Currency, ExactDecimal, FileName, Section, Symbol, broken_rule, clip, expected
from keel.config.stress import StressSection

_LOCKSTEP: Final = "lockstep"
_FASTEST: Final = 1e6


def _parse_pace(value: object) -> float | str:
    if value == _LOCKSTEP:
        return _LOCKSTEP
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _FASTEST:
        return float(value)
    raise expected(f"lockstep, or market seconds a second: a number above 0, to {_FASTEST:g}")


Pace = Annotated[float | Literal["lockstep"], BeforeValidator(_parse_pace)]
"""How fast the market goes: times real time, or a bar at a time as the client has decided."""

PlainPrefix = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,39}$")]
"""What the names of environment variables begin with."""


class PracticeAccount(Section):
    """Hold one account: its keys are in the environment, never here."""

    keys: PlainPrefix = Field(
        "BINANCE",
        description="Its keys are in the environment variables <this>_API_KEY and <this>_API_SECRET (or "
        "<this>_SECRET_KEY); made up and shown at the start where they are not set.",
    )
    balances: dict[Currency, ExactDecimal] = Field(
        {}, description="What it has at the start, by asset; {} = account.initial_cash of account.currency."
    )
    trade: bool = Field(default=True, description="Whether its key may trade; true or false.")
    withdraw: bool = Field(
        default=False, description="Whether its key may withdraw, which the doctor refuses; true or false."
    )
    fees: FeesSection | None = Field(None, description="Its fees; null = as in section fees.")
    pattern_day_trader: bool | None = Field(
        None,
        description="Alpaca: its pattern-day-trader flag, true or false; null = it has none, as since 2026-07-06.",
    )


class FiltersSection(Section):
    """Hold the exchange's limits on an order that section market does not have."""

    max_qty: ExactDecimal = Field("9000", validate_default=True, description="Largest quantity, base units.")
    market_max_qty: ExactDecimal = Field(
        "1000", validate_default=True, description="Largest quantity of a market order, base units."
    )
    max_price: ExactDecimal = Field("1000000", validate_default=True, description="Largest price, quote currency.")
    max_notional: ExactDecimal = Field(
        "9000000", validate_default=True, description="Largest value of an order, quote currency."
    )
    price_up: float = Field(5.0, gt=1, le=1000, description="Largest price of an order, times the last price.")
    price_down: float = Field(0.2, gt=0, lt=1, description="Smallest price of an order, times the last price.")
    max_orders: int = Field(200, ge=1, le=10_000, description="Open orders of a symbol an account may have.")
    min_trailing_bips: int = Field(10, ge=1, le=10_000, description="Smallest distance of a trailing stop, bps.")
    max_trailing_bips: int = Field(2000, ge=1, le=10_000, description="Largest distance of a trailing stop, bps.")


class LimitsSection(Section):
    """Hold how much may be asked of the venue, by real time."""

    weight_1m: int = Field(6000, ge=1, le=1_000_000, description="Request weight of an address a minute.")
    orders_10s: int = Field(100, ge=1, le=1_000_000, description="Orders of an account in ten seconds.")
    orders_1d: int = Field(200_000, ge=1, le=100_000_000, description="Orders of an account a day.")
    ban_after: int = Field(
        10, ge=1, le=10_000, description="Requests inside a Retry-After after which the address is banned (418)."
    )
    ban_s: int = Field(120, ge=1, le=259_200, description="First ban, seconds, doubled each time to three days.")


class AlpacaSection(Section):
    """Hold what only a venue that speaks Alpaca's wire needs."""

    requests_1m: int = Field(200, ge=1, le=1_000_000, description="Requests of an account a minute, by real time.")
    revise_every: int = Field(
        0, ge=0, le=1_000_000, description="Every how many bars one is revised 30 s of market time later; 0 = none."
    )
    whole_shares: Annotated[tuple[Symbol, ...], Strict(strict=False)] = Field(
        (), description="Symbols that are traded in whole shares only; a list."
    )
    hard_to_borrow: Annotated[tuple[Symbol, ...], Strict(strict=False)] = Field(
        (), description="Symbols that may not be sold short for now, although they are shortable; a list."
    )


class SocketsSection(Section):
    """Hold the lives of sockets, by real time."""

    ping_s: float = Field(20.0, gt=0, le=3600, description="Time between two pings of the venue, seconds.")
    pong_s: float = Field(60.0, gt=0, le=3600, description="Silence after pings at which it hangs up, seconds.")
    life_s: float = Field(86_400.0, gt=0, le=86_400, description="Longest life of a socket, seconds.")
    update_s: float = Field(1.0, gt=0, le=60, description="Time between updates of an open bar, seconds.")
    queue_s: float = Field(
        2.0, gt=0, le=60, description="Longest wait for the client to take its events before a bar closes, seconds."
    )


class PracticeConfig(Section):
    """Configure the practice venue; the sections of the market and its costs are those of a backtest."""

    speaks: Wire = Field("binance", description="Whose interface it speaks: binance or alpaca.")
    port: int = Field(8900, ge=0, le=65_535, description="Port on this machine; 0 to 65535, 0 = any free one.")
    pace: Pace = Field(
        1.0, description="Speed of the market: 1 is real time, 60 a minute a second; lockstep = as the client decides."
    )
    warm_up_bars: int = Field(
        500, ge=1, le=1_000_000, description="Stored bars that are history when the market opens; 1 to 1000000."
    )
    run: RunSection = Field(RunSection(), description="Seed and stream of random draws; the rest is not used.")
    data: DataSection = Field(description="Which bars are replayed.")
    quality: QualitySection = Field(QualitySection(), description="Checks of the bars, and repairs.")
    market: MarketSection = Field(MarketSection(), description="Calendar and venue rules.")
    account: AccountSection = Field(AccountSection(), description="Quote currency, and cash where none is given.")
    accounts: dict[FileName, PracticeAccount] = Field(
        {"practice": PracticeAccount()}, min_length=1, description="Who may trade, by a name of yours."
    )
    execution: ExecutionSection = Field(ExecutionSection(), description="From arrival to fill.")
    fees: FeesSection = Field(FeesSection(), description="Fees of accounts that have none of their own.")
    spread: SpreadSection = Field(SpreadSection(), description="Bid-ask spread.")
    impact: ImpactSection = Field(ImpactSection(), description="Price impact of own orders.")
    volatility: VolatilitySection = Field(VolatilitySection(), description="Volatility factor on spread and latency.")
    latency: LatencySection = Field(LatencySection(), description="Way of an order to the matching and back.")
    use_seasonality: bool = Field(
        default=True, description="Whether seasonality.spread multiplies the half-spread; true or false."
    )
    seasonality: SeasonalitySection = Field(SeasonalitySection(), description="Hour-of-week multipliers.")
    stress: StressSection = Field(StressSection(), description="Multipliers on costs and latency.")
    filters: FiltersSection = Field(FiltersSection(), description="Limits on orders.")
    limits: LimitsSection = Field(LimitsSection(), description="Limits on requests.")
    alpaca: AlpacaSection = Field(AlpacaSection(), description="What only Alpaca has.")
    sockets: SocketsSection = Field(SocketsSection(), description="Lives of sockets.")
    faults: Annotated[tuple[Fault, ...], Strict(strict=False)] = Field(
        (), description="What goes wrong, and when; a list. POST /practice/faults adds to it."
    )
    random_faults: RandomFaults | None = Field(None, description="Faults drawn from a seed; null = none.")

    @property
    def is_lockstep(self) -> bool:
        """Say whether the market waits for the client."""
        return self.pace == _LOCKSTEP

    @property
    def speed(self) -> float:
        """Return market seconds a second; 0 in lockstep, where the market waits."""
        return 0.0 if isinstance(self.pace, str) else self.pace

    def has_fault(self, kind: str) -> bool:
        """Say whether a kind of fault means something on this wire."""
        return kind not in MEANINGLESS[self.speaks]

    @model_validator(mode="after")
    def _fits_wire(self) -> Self:
        if self.speaks == "binance":
            self._check_spot()
        else:
            self._check_brokerage()
        if self.execution.price_model == "reference":
            raise broken_rule("execution.price_model", "the practice venue has no finer bars: choose bridge or path")
        kinds = [fault.kind for fault in self.faults]
        if self.random_faults is not None and "kinds" in self.random_faults.model_fields_set:
            kinds += self.random_faults.kinds
        for kind in kinds:
            if not self.has_fault(kind):
                raise broken_rule("faults", f"{kind} means nothing to a venue that speaks {self.speaks}: remove it")
        return self

    def _check_spot(self) -> None:
        if self.account.type != "cash":
            raise broken_rule("account.type", "a spot venue has cash accounts only: set it to cash")
        for symbol in self.data.symbols:
            if symbol.rpartition("/")[2] != self.account.currency or "/" not in symbol:
                message = f"{clip(symbol)} is not quoted in account.currency ({self.account.currency}): remove it"
                raise broken_rule("data.symbols", message)

    def _check_brokerage(self) -> None:
        if self.account.currency != "USD":
            message = f"a venue that speaks alpaca keeps accounts in USD, got {self.account.currency}: set it to USD"
            raise broken_rule("account.currency", message)
        for symbol in self.data.symbols:
            if "/" in symbol and not symbol.endswith("/USD"):
                message = f"{clip(symbol)} is neither a stock nor a pair with USD: remove it"
                raise broken_rule("data.symbols", message)
        for key in ("whole_shares", "hard_to_borrow"):
            strange = next((one for one in getattr(self.alpaca, key) if one not in self.data.symbols), None)
            if strange is not None:
                raise broken_rule(f"alpaca.{key}", f"{clip(strange)} is not in data.symbols: add it there or remove it")

    @model_validator(mode="after")
    def _keeps_keys_apart(self) -> Self:
        prefixes = [one.keys for one in self.accounts.values()]
        if len(set(prefixes)) < len(prefixes):
            raise broken_rule("accounts", "two accounts have the same keys: give each its own prefix")
        return self

    @model_validator(mode="after")
    def _simulates(self) -> Self:
        for one in self.accounts.values():
            self.simulated(one)
        return self

    def simulated(self, account: PracticeAccount) -> SimRun:
        """Return the backtest whose market and costs are an account's: the simulator's parameters come from it."""
        shared = {name: getattr(self, name) for name in SimRun.model_fields if name in type(self).model_fields}
        made: dict[str, Any] = {"fees": self.fees if account.fees is None else account.fees}
        return SimRun(mode="sim", strategy=_NOBODY, **(shared | made))


_NOBODY: Final[Any] = {"class": "keel.strategies.buy_and_hold:BuyAndHold"}
"""A backtest needs a strategy, a venue has none: it is never loaded."""
