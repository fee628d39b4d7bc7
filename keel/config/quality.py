"""Section `quality`: what is asked of the bars of a run, and what may be mended in them."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, Strict, model_validator

from keel.config.section import FilePath, Section, broken_rule

Answer: TypeAlias = Literal["refuse", "warn", "off"]
"""What a run does when a check of its bars fails."""

RepairStep: TypeAlias = Literal[
    "drop_bad_rows", "sort", "drop_duplicates", "drop_outliers", "forward_fill", "split_adjust"
]
"""One way to mend bars; they are taken in the order listed."""

_ANSWER: Final = "refuse (exit 2), warn or off"
_FRACTION: Final = "fraction of all bars; 0 to 1"


class QualitySection(Section):
    """Hold the thresholds of the checks of bars, the answer to each that fails, and the repairs asked for.

    What every stored bar keeps (a value in each column, low <= open, close <= high, times that rise) has no key here:
    no run can be made without it, and what breaks it is refused unless it is repaired.
    """

    gaps: Answer = Field(
        "refuse", description=f"Answer to bars missing on the grid of data.timeframe in market.calendar: {_ANSWER}."
    )
    max_missing_fraction: float = Field(
        0.01, ge=0, le=1, description="Most bars that may be missing between the first and the last, as a fraction of "
        "those expected; 0 to 1."
    )  # fmt: skip
    outliers: Answer = Field(
        "refuse", description=f"Answer to prices that jump away and come back, in closes, highs and lows: {_ANSWER}."
    )
    outlier_sigmas: float = Field(
        20.0, ge=5, le=1000, description="Move that counts as such, in local volatilities of a bar; 5 to 1000."
    )
    outlier_least_move: float = Field(
        0.02, ge=0, le=10, description="Least move that counts as such, fraction of the price; 0 to 10."
    )
    max_outlier_fraction: float = Field(
        0.001, ge=0, le=1, description=f"Most outliers, {_FRACTION}; one passes in any case."
    )
    splits: Answer = Field(
        "warn", description=f"Answer to an open that looks like a split nobody has adjusted or listed: {_ANSWER}."
    )
    stale: Answer = Field("warn", description=f"Answer to runs of bars with one and the same close: {_ANSWER}.")
    stale_bars: int = Field(30, ge=2, le=100_000, description="Length of a run that counts, bars; 2 to 100000.")
    max_stale_fraction: float = Field(0.01, ge=0, le=1, description=f"Most bars in such runs, {_FRACTION}.")
    volume: Answer = Field("warn", description=f"Answer to bars without volume and to spikes of volume: {_ANSWER}.")
    max_zero_volume_fraction: float = Field(0.1, ge=0, le=1, description=f"Most bars without volume, {_FRACTION}.")
    volume_spike_ratio: float = Field(
        50.0, ge=2, le=1_000_000, description="Volume that counts as a spike, multiple of what is usual around it; "
        "2 to 1000000."
    )  # fmt: skip
    max_volume_spike_fraction: float = Field(0.005, ge=0, le=1, description=f"Most spikes of volume, {_FRACTION}.")
    repair: Annotated[tuple[RepairStep, ...], Strict(strict=False)] = Field(
        (),
        description="Repairs of the bars, for this run, in memory and on record: a list of drop_bad_rows, sort, "
        "drop_duplicates, drop_outliers, forward_fill, split_adjust, in the order they are done.",
    )
    split_file: FilePath | None = Field(
        None,
        description="CSV or Parquet file of splits for split_adjust, with the columns of data.actions; null = none.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for step in self.repair:
            if self.repair.count(step) > 1:
                raise broken_rule("repair", f"{step} is listed twice: list each step once")
        if ("split_adjust" in self.repair) != (self.split_file is not None):
            raise broken_rule("split_file", "split_adjust and split_file go together: set both or neither")
        return self
