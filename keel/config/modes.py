"""The whole configuration of a run, one model a mode, and the rules that join sections."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

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
from keel.config.doctor import DoctorSection
from keel.config.environment import EnvironmentSection
from keel.config.evaluation import EvaluationSection, ProfileSection
from keel.config.execution import ExecutionSection
from keel.config.exits import ExitsSection
from keel.config.live import ClockSyncSection, HealthSection, LiveSection, ThrottleSection
from keel.config.market import MarketSection
from keel.config.observation import ObservationSection
from keel.config.quality import QualitySection
from keel.config.ray import RaySection
from keel.config.risk import RiskSection
from keel.config.run import RunSection
from keel.config.section import Section, broken_rule, clip
from keel.config.sessions import SessionsSection
from keel.config.spans import FractionSpans, Spans
from keel.config.strategy import StrategySection
from keel.config.stress import StressSection
from keel.config.training import TrainingSection
from keel.config.venue import AlpacaSection, VenueSection
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK, timeframe_ms

_MODE = "Kind of run: sim, train, eval or live."
_SESSIONS = "What may be done in which part of a trading day, for markets that close."
LIVE_LIMITS: Final = (
    ("max_order_weight", "max_order_notional"),
    ("max_position_weight", "max_abs_position_notional"),
    ("daily_loss", "daily_loss_limit"),
    ("max_gross_weight",),
    ("max_drawdown",),
    ("max_orders_per_min",),
)
"""Limits of which live trading needs at least one each: as a fraction of equity, or in account currency."""
_RESERVE_OF_STOCKS_BPS: Final = 250.0
_RESERVE_OF_COINS_BPS: Final = 200.0
"""What Alpaca holds back, at the least, of what is bought at market. Sources: its page on orders, of buying power, and,
of crypto, the one on differences between the value asked for and the value filled (2% price collar)."""
_HELD_OF_STOCKS: Final = "2.5% above the price of stocks bought at market, 4% below 50 USD"
_HELD_OF_COINS: Final = "2% above the price of crypto bought at market"
_GRACE_BEYOND_WINDOW_MS: Final = 10_000
"""What an order request may still take to show up, after the exchange would have refused it as late."""


class BaseRun(Section):
    """Hold the sections that every mode shares."""

    mode: Literal["sim", "train", "eval", "live"] = Field(description=_MODE)
    run: RunSection = Field(RunSection(), description="Identity and folders.")
    data: DataSection = Field(description="Which bars are read.")
    quality: QualitySection = Field(QualitySection(), description="Checks of the bars, and repairs.")
    market: MarketSection = Field(MarketSection(), description="Calendar and venue rules.")
    account: AccountSection = Field(AccountSection(), description="Money and margin.")
    execution: ExecutionSection = Field(ExecutionSection(), description="From decision to fill.")
    exits: ExitsSection = Field(ExitsSection(), description="Stop-loss and take-profit of targets' positions.")
    fees: FeesSection = Field(FeesSection(), description="Fees of the venue.")
    spread: SpreadSection = Field(SpreadSection(), description="Bid-ask spread.")
    impact: ImpactSection = Field(ImpactSection(), description="Price impact of own orders.")
    volatility: VolatilitySection = Field(VolatilitySection(), description="Volatility factor on spread and latency.")
    latency: LatencySection = Field(LatencySection(), description="Way to the venue and back.")
    use_seasonality: bool = Field(
        default=True, description="Whether seasonality.spread multiplies the half-spread; true or false."
    )
    seasonality: SeasonalitySection = Field(SeasonalitySection(), description="Hour-of-week multipliers.")
    stress: StressSection = Field(StressSection(), description="Multipliers on costs and latency.")
    risk: RiskSection = Field(RiskSection(), description="Limits of the risk guard.")
    doctor: DoctorSection = Field(DoctorSection(), description="Checks before a run.")
    ray: RaySection = Field(RaySection(), description="Cluster of a search.")

    @property
    def calendars(self) -> frozenset[str]:
        """Return the trading calendars of the symbols."""
        return frozenset(self.data.calendar_of(symbol, self.market.calendar) for symbol in self.data.symbols)

    @property
    def ratio_calendar(self) -> str:
        """Return the calendar by which a year's returns are counted: 24/7 if anything trades round the clock."""
        return ROUND_THE_CLOCK if ROUND_THE_CLOCK in self.calendars else self.market.calendar

    @property
    def session_calendar(self) -> str:
        """Return the calendar of the trading day, 24/7 where the symbols have several: no day is theirs together."""
        return next(iter(self.calendars)) if len(self.calendars) == 1 else ROUND_THE_CLOCK

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        self._check_reference_bars()
        self._check_overrides()
        self._check_shorts()
        self._check_base_fees()
        self._check_rates()
        self._check_sectors()
        self._check_auctions()
        if self.execution.max_participation is None and self.impact.coefficient != 0:
            message = "must be 0 while execution.max_participation is null: set one of the two"
            raise broken_rule("impact.coefficient", message)
        return self

    def _check_reference_bars(self) -> None:
        wanted = self.execution.price_model == "reference"
        if wanted and self.data.reference_timeframe is None:
            message = "execution.price_model reference needs finer bars: set it, to 1m for instance"
            raise broken_rule("data.reference_timeframe", message)
        if not wanted and self.data.reference_timeframe is not None:
            message = f"execution.price_model {self.execution.price_model} does not use it: set it to null"
            raise broken_rule("data.reference_timeframe", message)

    def _check_overrides(self) -> None:
        known = set(self.data.symbols)
        for symbol in self.market.overrides:
            if symbol not in known:
                message = f"{clip(symbol)} is not in data.symbols: add it there or remove its overrides"
                raise broken_rule("market.overrides", message)

    def _check_rates(self) -> None:
        currency = self.account.currency
        if currency in self.data.rates:
            message = f"{currency} is the account's currency, worth 1 of itself: remove it, or set account.currency"
            raise broken_rule(f"data.rates.{currency}", message)

    def _check_sectors(self) -> None:
        risk = self.risk
        is_capped = risk.max_sector_weight is not None or bool(risk.sector_weights)
        if is_capped and risk.sectors is None:
            raise broken_rule("risk.sectors", "sector caps need it: name a CSV file of the columns symbol and sector")
        if risk.sectors is not None and not is_capped:
            message = "risk.sectors has no cap: give it or risk.sector_weights a value, or set risk.sectors to null"
            raise broken_rule("risk.max_sector_weight", message)

    def _check_auctions(self) -> None:
        if self.execution.time_in_force in ("at_open", "at_close") and ROUND_THE_CLOCK in self.calendars:
            message = f"{ROUND_THE_CLOCK} markets hold no auctions: set it to gtc, ioc, day or fok"
            raise broken_rule("execution.time_in_force", message)

    def _check_base_fees(self) -> None:
        in_base = [self.market.rules_for(symbol).fee_currency == "base" for symbol in self.data.symbols]
        if self.fees.minimum > 0 and any(in_base):
            message = "must be 0 where market's fee_currency is base: a fee kept from what is bought has no minimum"
            raise broken_rule("fees.minimum", message)

    def _check_shorts(self) -> None:
        shortable = any(self.market.rules_for(symbol).shortable for symbol in self.data.symbols)
        if self.account.type == "cash" and (shortable or self.market.instrument.shortable):
            message = "a cash account holds no shorts: set it to margin, or shortable to false under market"
            raise broken_rule("account.type", message)


class DecidedRun(BaseRun):
    """Hold what runs share in which a strategy decides."""

    strategy: StrategySection = Field(description="Who decides.")
    sessions: SessionsSection = Field(SessionsSection(), description=_SESSIONS)

    @model_validator(mode="after")
    def _sessions_fit(self) -> Self:
        _check_sessions(self, self.sessions)
        return self


class SimRun(DecidedRun):
    """Configure a backtest."""

    mode: Literal["sim"] = Field(description=_MODE)


class TrainRun(BaseRun):
    """Configure a training run: an agent learns to decide."""

    mode: Literal["train"] = Field(description=_MODE)
    observation: ObservationSection = Field(ObservationSection(), description="What the agent sees.")
    environment: EnvironmentSection = Field(EnvironmentSection(), description="What it may do, and is paid for.")
    spans: Spans = Field(FractionSpans(), description="Bars to train on, to choose by and to leave alone.")
    training: TrainingSection = Field(TrainingSection(), description="How it learns.")

    @model_validator(mode="after")
    def _agent_fits(self) -> Self:
        wrong = self.training.misfit(self.environment, len(self.data.symbols))
        if wrong is not None:
            raise broken_rule("training.algorithm.kind", wrong)
        if self.risk.sectors is not None and self.environment.symbols == "apart":
            message = "each symbol has an account of its own, in which no sector comes together: set it to together"
            raise broken_rule("environment.symbols", message)
        for symbol in self.environment.symbol_weights:
            if symbol not in self.data.symbols:
                message = f"{clip(symbol)} is not in data.symbols: add it there or remove its weight"
                raise broken_rule("environment.symbol_weights", message)
        return self


class EvalRun(BaseRun):
    """Configure an evaluation of a trained model, which decides."""

    mode: Literal["eval"] = Field(description=_MODE)
    evaluation: EvaluationSection = Field(EvaluationSection(), description="Which model, under which profiles.")
    sessions: SessionsSection = Field(SessionsSection(), description=_SESSIONS)

    @model_validator(mode="after")
    def _sessions_fit(self) -> Self:
        _check_sessions(self, self.sessions)
        return self

    @model_validator(mode="after")
    def _profiles_fit(self) -> Self:
        for name, profile in self.evaluation.profiles.items():
            try:
                self.limits_of(profile)
                self.stress.times(profile.stress)
            except ValidationError as error:
                message = f"{name} does not fit sections risk and stress: {error.errors()[0]['msg']}"
                raise broken_rule("evaluation.profiles", message) from None
        return self

    def limits_of(self, profile: ProfileSection) -> RiskSection:
        """Return section risk with a profile's own limits in it. Raises ValidationError where they do not fit."""
        return RiskSection.model_validate(self.risk.model_dump() | profile.risk)

    def simulated(self, profile: ProfileSection, strategy: StrategySection) -> SimRun:
        """Return the backtest of a strategy at this config's costs under a profile."""
        kept = {name: getattr(self, name) for name in BaseRun.model_fields}
        changed = {"mode": "sim", "risk": self.limits_of(profile), "stress": self.stress.times(profile.stress)}
        return SimRun(**(kept | changed), strategy=strategy, sessions=self.sessions)


class LiveRun(DecidedRun):
    """Configure live trading; every kind of risk limit must be on."""

    mode: Literal["live"] = Field(description=_MODE)
    dry_run: bool = Field(
        default=True, description="Whether fills are simulated and no order leaves; true or false. --dry-run sets it."
    )
    i_accept_real_money: bool = Field(
        default=False,
        description="Consent to trade with real money; true or false. Needed for venue.environment real, or "
        "venue.paper false.",
    )
    venue: VenueSection = Field(description="Where orders go.")
    live: LiveSection = Field(LiveSection(), description="What live trading needs beyond a backtest.")
    clock_sync: ClockSyncSection = Field(ClockSyncSection(), description="Our clock against the exchange's.")
    throttle: ThrottleSection = Field(ThrottleSection(), description="How fast we ask, how we wait after faults.")
    health: HealthSection = Field(HealthSection(), description="The health page.")

    @model_validator(mode="after")
    def _grace_is_long_enough(self) -> Self:
        least = self.venue.settles_within_ms + _GRACE_BEYOND_WINDOW_MS
        if self.live.unknown_grace_ms < least:
            window = "" if isinstance(self.venue, AlpacaSection) else "venue.recv_window_ms + "
            message = f"must be at least {window}{_GRACE_BEYOND_WINDOW_MS}{f' = {least}' if window else ''}"
            raise broken_rule("live.unknown_grace_ms", message)
        return self

    @model_validator(mode="after")
    def _reserve_is_the_venue_s(self) -> Self:
        if not isinstance(self.venue, AlpacaSection):
            return self
        stocks = any("/" not in symbol for symbol in self.data.symbols)
        least = _RESERVE_OF_STOCKS_BPS if stocks else _RESERVE_OF_COINS_BPS
        if self.execution.reserve_bps < least:
            raise broken_rule(
                "execution.reserve_bps",
                f"Alpaca holds back {_HELD_OF_STOCKS if stocks else _HELD_OF_COINS}, and rejects what cash does not "
                f"cover: must be at least {least:g}{', 400 with stocks below 50 USD' if stocks else ''}",
            )
        return self

    @model_validator(mode="after")
    def _has_one_calendar(self) -> Self:
        if len(self.calendars) > 1:
            message = f"one live run takes one calendar, got {', '.join(sorted(self.calendars))}: make a run of each"
            raise broken_rule("data.sources", message)
        if self.session_calendar != ROUND_THE_CLOCK and timeframe_ms(self.data.timeframe) > MS_PER_DAY:
            message = "live, bars of a market that closes are of a session at most: set it to 1d or shorter"
            raise broken_rule("data.timeframe", message)
        return self

    @model_validator(mode="after")
    def _shorts_are_whole(self) -> Self:
        if not isinstance(self.venue, AlpacaSection):
            return self
        for symbol in self.data.symbols:
            rules = self.market.rules_for(symbol)
            if rules.shortable and (not rules.step_size or rules.step_size % 1):
                message = f"Alpaca sells {clip(symbol)} short in whole shares only: set it to 1, or shortable to false"
                raise broken_rule("market.instrument.step_size", message)
        return self

    @model_validator(mode="after")
    def _limits_are_on(self) -> Self:
        for keys in LIVE_LIMITS:
            if all(getattr(self.risk, key) is None for key in keys):
                mend = "give it a value" if len(keys) == 1 else f"give it or risk.{keys[1]} a value"
                raise broken_rule(f"risk.{keys[0]}", f"limits off (null) is an error in mode live: {mend}")
        return self


def _check_sessions(run: BaseRun, sessions: SessionsSection) -> None:
    if run.session_calendar == ROUND_THE_CLOCK and sessions != SessionsSection():
        message = "symbols that trade round the clock, or by several calendars, have no sessions: remove the section"
        raise broken_rule("sessions", message)
    by_day = timeframe_ms(run.data.timeframe) >= MS_PER_DAY
    if by_day and sessions.at_close != "trade":
        message = f"bars of {run.data.timeframe} are decided on at the close: set it to trade"
        raise broken_rule("sessions.at_close", message)


RunConfig = Annotated[SimRun | TrainRun | EvalRun | LiveRun, Field(discriminator="mode")]
"""The configuration of a run, told apart by `mode`."""

DecidedConfig = SimRun | LiveRun
"""The configuration of a run in which a strategy decides."""

MODELS: Final[dict[str, type[SimRun] | type[TrainRun] | type[EvalRun] | type[LiveRun]]] = {
    "sim": SimRun,
    "train": TrainRun,
    "eval": EvalRun,
    "live": LiveRun,
}
"""The model of each mode."""
