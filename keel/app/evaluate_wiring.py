"""Wire an evaluation: the model, its bars, and the parts that each profile plays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keel.app.wire_data import MarketData, read_market_data
from keel.app.wiring import wire_backtest
from keel.backtest.evaluation.spans import (
    SpanMs,
    deepest_falls,
    last_span,
    refuse_few,
    rows_between,
    seen_before,
    test_span,
)
from keel.backtest.run import BacktestInputs
from keel.backtest.search.windows import Rows
from keel.config.evaluation import ProfileSection
from keel.config.load import LoadedConfig
from keel.config.modes import EvalRun
from keel.config.moments import epoch_ms
from keel.config.strategy import StrategySection
from keel.data.provide import ensure_bars
from keel.data.store import BarStore
from keel.domain.errors import ConfigError, UsageError
from keel.domain.timeframe import timeframe_ms
from keel.runs.manifest import DataRecord
from keel.strategies.panel import BarPanel
from keel.strategies.trained import Policy

_CLASS: Final = "keel.strategies.trained:Policy"
_EVER: Final = 1 << 62


@dataclass(frozen=True)
class Part:
    """Name one stretch of bars that a profile plays by itself: its rows, and where the model has seen them before."""

    name: str
    rows: Rows
    seen: tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """Hold a model and the bars it is put to the test on, rows `rows` of them."""

    config: EvalRun
    policy: Policy
    data: MarketData
    panel: BarPanel
    rows: Rows

    @property
    def records(self) -> tuple[DataRecord, ...]:
        """Return the record of the bars and, among them, of the model."""
        path, card = self.config.evaluation.model, self.policy.card
        model = DataRecord(
            "model", card.timeframe, path, "trained", "weights", card.steps, None, None, card.weights_hash
        )
        return (*self.data.records, model)

    def inputs(self, profile: ProfileSection) -> BacktestInputs:
        """Return the inputs of a backtest of the model on all bars under a profile.

        Raises UsageError where another model has taken its file's place since.
        """
        params = {"model": self.config.evaluation.model, "scale": profile.weight_scale}
        strategy = StrategySection.model_validate(
            {"class": _CLASS, "params": params | {"most_weight": profile.most_weight}}
        )
        inputs = wire_backtest(self.config.simulated(profile, strategy), None, self.data, self.panel)[0]
        if isinstance(inputs.strategy, Policy) and inputs.strategy.card.weights_hash != self.policy.card.weights_hash:
            raise UsageError(
                f"{self.config.evaluation.model}: another model has taken its place since the evaluation began: "
                "start it again, with --model artifacts/<run>/best_model.zip of the run that is meant"
            )
        return inputs

    def span_of(self, rows: Rows) -> SpanMs:
        """Return the time that rows take."""
        closes, first = self.panel.close_ts_ms, rows[0]
        before = int(closes[first]) - timeframe_ms(self.config.data.timeframe)
        return max(before, int(closes[first - 1]) if first else before), int(closes[rows[1] - 1])

    def parts(self, name: str, profile: ProfileSection) -> list[Part]:
        """Return what a profile plays: the whole, or each of its spans and crashes.

        Raises DataError for too few bars.
        """
        closes, first = self.panel.close_ts_ms, self.policy.first
        found = []
        for at, span in enumerate(profile.spans, start=1):
            start = 0 if span.start is None else epoch_ms(span.start)
            rows = rows_between(closes, (start, _EVER if span.end is None else epoch_ms(span.end)), first)
            where = f"evaluation.profiles.{name}.spans, entry {at}"
            found.append(Part(f"span-{at}", refuse_few(rows, where), ()))
        falls = (
            deepest_falls(self.panel.close, self.rows, profile.crashes, profile.crash_bars) if profile.crashes else []
        )
        found += [Part(f"crash-{at}", rows, ()) for at, rows in enumerate(falls, start=1)]
        whole = found or [Part("whole", self.rows, ())]
        card = self.policy.card
        return [Part(part.name, part.rows, tuple(seen_before(card, self.span_of(part.rows)))) for part in whole]


def wire_subject(loaded: LoadedConfig, period: str | None) -> Subject:
    """Load the model of a config of mode eval and the bars it names; `period` asks for the last of them, such as 7d.

    Without it the bars of the model's test span are played. Raises UsageError, one line, for a model or bars that do
    not fit.
    """
    config = loaded.config
    if not isinstance(config, EvalRun):
        place = loaded.document.place(("mode",))
        raise ConfigError(f"{place}: mode: {config.mode} has no model to evaluate: give a config of mode eval")
    policy = Policy(Policy.Params(model=config.evaluation.model))
    policy.check_market(config.data.venue, config.data.symbols, config.data.timeframe)
    for _ in ensure_bars(config.data, config.market.calendar, BarStore(Path(config.data.store))):
        pass
    data = read_market_data(config, loaded.document, policy.extra_columns())
    panel = BarPanel(data.view, config.data.symbols, data.extra)
    policy.prepare(panel)
    return Subject(config, policy, data, panel, _rows(config, policy, panel, period))


def _rows(config: EvalRun, policy: Policy, panel: BarPanel, period: str | None) -> Rows:
    closes, model = panel.close_ts_ms, config.evaluation.model
    if period is not None:
        span = last_span(period_ms(period), period, closes, int(closes[max(0, policy.first - 1)]))
        return refuse_few(rows_between(closes, span, policy.first), f"--period {period}")
    span = test_span(policy.card, int(closes[-1]), model)
    return refuse_few(rows_between(closes, span, policy.first), f"{model}: its test span")


def period_ms(period: str) -> int:
    """Return the milliseconds of a period such as 7d. Raises UsageError for anything but a count and h, d or w."""
    try:
        return timeframe_ms("" if period.endswith("m") else period)
    except UsageError:
        raise UsageError(f"--period {period}: write a count and h, d or w, such as 7d or 36h") from None
