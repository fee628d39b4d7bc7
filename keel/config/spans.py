"""Section `spans`: bars to train on, bars that choose the best model, and bars nobody touches before the end."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, Strict, model_validator

from keel.config.moments import Moment
from keel.config.section import Section, broken_rule

_MOST: Final = 1_000_000
_Part = Annotated[float, Field(gt=0, lt=1)]


class Span(Section):
    """Bound a span of time."""

    start: Moment | None = Field(None, description="Start, inclusive, UTC; null = first bar.")
    end: Moment | None = Field(None, description="End, exclusive, UTC; null = last bar.")

    @model_validator(mode="after")
    def _start_before_end(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise broken_rule("end", f"the end must come after the start, {self.start:%Y-%m-%d %H:%M} UTC")
        return self


class TrainingSpan(Span):
    """Bound a span to train on."""

    weight: float | None = Field(
        None, gt=0, le=1e9, description="How often episodes come from it, beside others; null = its number of bars."
    )


class _Gaps(Section):
    """Hold the bars left out where training and what it is judged on meet."""

    purge_bars: int = Field(
        0, ge=0, le=_MOST, description="Bars left out of training before a validation or test span."
    )
    embargo_bars: int = Field(0, ge=0, le=_MOST, description="Bars left out of training after a validation span.")


class FractionSpans(_Gaps):
    """Cut the bars in three, in the order of time."""

    kind: Literal["fractions"] = Field("fractions", description="fractions: parts of all bars, in order of time.")
    train: _Part = Field(0.7, description="Part of the bars, the first ones, that is trained on.")
    validation: _Part = Field(
        0.15, description="Part after that, which chooses the best model; the test span is the rest."
    )

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.train + self.validation > 1.0 - 1e-9:
            raise broken_rule(
                "validation", "train and validation must leave a part for the test span: lower one of them"
            )
        return self


class DateSpans(_Gaps):
    """Name each span by its dates; the test span comes after all others."""

    kind: Literal["dates"] = Field(description="dates: each span by start and end.")
    train: Annotated[tuple[TrainingSpan, ...], Strict(strict=False)] = Field(
        min_length=1,
        max_length=1000,
        description="Spans to train on, in order of time: a list of {start, end, weight}.",
    )
    validation: Span = Field(description="Span that chooses the best model: {start, end}.")
    test: Span | None = Field(None, description="Span that training never sees, after all others; null = none.")


class WalkForwardSpans(_Gaps):
    """Move a window of training, validation and test over the bars; a run trains one fold."""

    kind: Literal["walk_forward"] = Field(description="walk_forward: folds whose test spans follow one another.")
    folds: int = Field(4, ge=1, le=1000, description="Number of folds; their test spans make up the end of the bars.")
    fold: int = Field(1, ge=1, le=1000, description="Fold that this run trains, 1 to folds.")
    anchored: bool = Field(
        default=False,
        description="Whether training always begins with the first bar; else the window moves. true or false.",
    )
    train: _Part = Field(0.5, description="Part of all bars in the first fold's training span.")
    validation: _Part = Field(
        0.1, description="Part of all bars in a validation span; the rest is shared by the tests."
    )

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.fold > self.folds:
            raise broken_rule("fold", f"must be 1 to folds ({self.folds}), got {self.fold}")
        if self.train + self.validation > 1.0 - 1e-9:
            raise broken_rule("validation", "train and validation must leave a part for the tests: lower one of them")
        return self


Spans = Annotated[FractionSpans | DateSpans | WalkForwardSpans, Field(discriminator="kind")]
"""The spans of a training run, told apart by `kind`."""
