"""Section `observation`: what a model sees at the close of a bar."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, Strict, model_validator

from keel.config.section import FileName, Section, broken_rule

AccountFeature: TypeAlias = Literal["weight", "unrealised", "bars_held", "in_flight", "drawdown"]
"""One number about the account: the first four of each instrument, the last of the whole."""

_KIND: Final = "Kind of feature: {}."
_MOST_BARS: Final = 100_000  # of a window: TA-Lib's limit
_MOST_FEATURES: Final = 256
_BARS: Final = "Bars it looks back over; {} to 100000."


class LogReturn(Section):
    """Hold the logarithm of the close over the close some bars before."""

    kind: Literal["log_return"] = Field(description=_KIND.format("return over some bars, log"))
    bars: int = Field(1, ge=1, le=_MOST_BARS, description=_BARS.format(1))


class Momentum(Section):
    """Hold the log return over some bars in units of its own realised volatility."""

    kind: Literal["momentum"] = Field(description=_KIND.format("return over some bars, over its volatility"))
    bars: int = Field(20, ge=2, le=_MOST_BARS, description=_BARS.format(2))


class ZScore(Section):
    """Hold the close's distance from its mean in standard deviations."""

    kind: Literal["z_score"] = Field(description=_KIND.format("standard deviations of the close from its mean"))
    bars: int = Field(20, ge=2, le=_MOST_BARS, description=_BARS.format(2))


class DistanceToAverage(Section):
    """Hold the close over its simple moving average, less 1."""

    kind: Literal["distance_to_average"] = Field(description=_KIND.format("close over its moving average, less 1"))
    bars: int = Field(50, ge=2, le=_MOST_BARS, description=_BARS.format(2))


class Bollinger(Section):
    """Hold the two figures of Bollinger's bands: where the close lies between them, and how far apart they are."""

    kind: Literal["bollinger"] = Field(description=_KIND.format("%b and width of Bollinger's bands, two numbers"))
    bars: int = Field(20, ge=2, le=_MOST_BARS, description=_BARS.format(2))
    deviations: float = Field(
        2.0, gt=0, le=10, description="Distance of a band from the mean, standard deviations; above 0, to 10."
    )


class RealisedVolatility(Section):
    """Hold the volatility of closes."""

    kind: Literal["realised_volatility"] = Field(description=_KIND.format("volatility of a bar, close to close"))
    bars: int = Field(20, ge=1, le=_MOST_BARS, description=_BARS.format(1))


class Parkinson(Section):
    """Hold the volatility by highs and lows."""

    kind: Literal["parkinson"] = Field(description=_KIND.format("volatility of a bar by high and low, Parkinson 1980"))
    bars: int = Field(20, ge=1, le=_MOST_BARS, description=_BARS.format(1))


class YangZhang(Section):
    """Hold the volatility by opens, highs, lows and closes."""

    kind: Literal["yang_zhang"] = Field(description=_KIND.format("volatility of a bar, Yang and Zhang 2000"))
    bars: int = Field(20, ge=2, le=_MOST_BARS, description=_BARS.format(2))


class Garch(Section):
    """Hold the volatility that a GARCH(1,1) fitted on the training rows expects of the next bar."""

    kind: Literal["garch"] = Field(description=_KIND.format("volatility of the next bar by a fitted GARCH(1,1)"))


class Rsi(Section):
    """Hold Wilder's relative strength index."""

    kind: Literal["rsi"] = Field(description=_KIND.format("relative strength index, Wilder"))
    bars: int = Field(14, ge=2, le=_MOST_BARS, description="Bars of Wilder's smoothing; 2 to 100000.")


class Macd(Section):
    """Hold the distance of two exponential averages over the close, and its distance from its own average."""

    kind: Literal["macd"] = Field(description=_KIND.format("MACD line and histogram over the close, two numbers"))
    fast: int = Field(12, ge=2, le=_MOST_BARS, description="Bars of the fast average; 2 to 100000.")
    slow: int = Field(26, ge=3, le=_MOST_BARS, description="Bars of the slow average; 3 to 100000, above fast.")
    signal: int = Field(9, ge=2, le=_MOST_BARS, description="Bars of the line's own average; 2 to 100000.")

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast >= self.slow:
            raise broken_rule("slow", f"must be above fast ({self.fast}), got {self.slow}")
        return self


class Atr(Section):
    """Hold Wilder's average true range over the close."""

    kind: Literal["atr"] = Field(description=_KIND.format("average true range over the close, Wilder"))
    bars: int = Field(14, ge=1, le=_MOST_BARS, description="Bars of Wilder's smoothing; 1 to 100000.")


class RelativeVolume(Section):
    """Hold the volume over its own mean."""

    kind: Literal["relative_volume"] = Field(description=_KIND.format("volume over its mean"))
    bars: int = Field(20, ge=2, le=_MOST_BARS, description=_BARS.format(2))


class TakerBuyRatio(Section):
    """Hold the part of the volume that buyers took; needs bars with `taker_buy_volume`."""

    kind: Literal["taker_buy_ratio"] = Field(description=_KIND.format("part of the volume that buyers took"))
    bars: int = Field(1, ge=1, le=_MOST_BARS, description=_BARS.format(1))


class TimeOfDay(Section):
    """Hold the minute of the day at which the bar opened."""

    kind: Literal["time_of_day"] = Field(description=_KIND.format("sine and cosine of the bar's time of day"))


class DayOfWeek(Section):
    """Hold the day of the week on which the bar opened."""

    kind: Literal["day_of_week"] = Field(description=_KIND.format("sine and cosine of the bar's day of the week"))


class ExtraColumn(Section):
    """Hold a series that comes beside the bars, as it is."""

    kind: Literal["column"] = Field(description=_KIND.format("a series that comes beside the bars, as it is"))
    name: FileName = Field(description="Name of the series; 1 to 64 letters, digits, . _ -.")


FeatureEntry = Annotated[
    LogReturn
    | Momentum
    | ZScore
    | DistanceToAverage
    | Bollinger
    | RealisedVolatility
    | Parkinson
    | YangZhang
    | Garch
    | Rsi
    | Macd
    | Atr
    | RelativeVolume
    | TakerBuyRatio
    | TimeOfDay
    | DayOfWeek
    | ExtraColumn,
    Field(discriminator="kind"),
]
"""One entry of `observation.features`, told apart by `kind`."""

_DEFAULT: Final = (
    LogReturn(kind="log_return"),
    LogReturn(kind="log_return", bars=5),
    LogReturn(kind="log_return", bars=20),
    YangZhang(kind="yang_zhang"),
    Rsi(kind="rsi"),
    Macd(kind="macd"),
    RelativeVolume(kind="relative_volume"),
)


class ObservationSection(Section):
    """Hold the features of the bars and of the account, in the order in which a model sees them."""

    window: int = Field(1, ge=1, le=10_000, description="Bars in one observation, the last included; 1 to 10000.")
    clip: float = Field(
        5.0, gt=0, le=100, description="Largest value of a feature, training standard deviations; above 0, to 100."
    )
    features: Annotated[tuple[FeatureEntry, ...], Strict(strict=False)] = Field(
        _DEFAULT,
        min_length=1,
        max_length=_MOST_FEATURES,
        description="Features of each instrument's bars: a list of 1 to 256, each with its kind.",
    )
    account: Annotated[tuple[AccountFeature, ...], Strict(strict=False)] = Field(
        ("weight", "unrealised", "bars_held", "in_flight", "drawdown"),
        description="What is seen of the account: a list of weight, unrealised, bars_held, in_flight (of each "
        "instrument) and drawdown, or [] = nothing.",
    )

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        for place, entry in enumerate(self.features):
            if entry in self.features[:place]:
                first = self.features.index(entry)
                message = f"entries {first + 1} and {place + 1} are the same {entry.kind}: list each feature once"
                raise broken_rule("features", message)
        for name in self.account:
            if self.account.count(name) > 1:
                raise broken_rule("account", f"{name} is listed twice: list each once")
        return self
