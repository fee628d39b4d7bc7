"""What a check of bars found: how much of it, where, how bad it is, and the mend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from keel.domain.timeframe import utc_text

Severity: TypeAlias = Literal["refuse", "warn", "note"]

TOLD: Final = 3
"""Places a message names before it says how many more there are."""
LISTED: Final = 20
"""Places that the JSON lists."""


@dataclass(frozen=True)
class Finding:
    """Hold one check's faults in one instrument's bars.

    `rows` are counted from 1 as in the file and `ts_ms` are their UTC times; of a gap, the row behind it and the first
    time that is missing. `amounts` says how many bars each place stands for, None where each is one. `count` of
    `expected` bars are concerned and `limit` of them may be; a finding within its limit is a note.
    """

    check: str
    detail: str
    severity: Severity
    rows: NDArray[np.int64]
    ts_ms: NDArray[np.int64]
    count: int
    expected: int
    limit: float
    mend: str
    amounts: NDArray[np.int64] | None = None

    @property
    def fraction(self) -> float:
        """Return the part of the bars concerned."""
        return self.count / max(self.expected, 1)

    def places(self, most: int = TOLD) -> str:
        """Name the first places as people read them: `row 4 (2021-01-04 14:30 UTC)`."""
        named = [self._place(i) for i in range(min(most, self.rows.size))]
        more = self.rows.size - len(named)
        return ", ".join(named) + (f" and {more:,} more" if more else "")

    def as_json(self) -> dict[str, Any]:
        """Return what a program reads; of the places the first 20."""
        amounts = self.amounts if self.amounts is not None else np.ones_like(self.rows)
        listed = zip(self.rows[:LISTED].tolist(), self.ts_ms[:LISTED].tolist(), amounts[:LISTED].tolist(), strict=True)
        return {
            "check": self.check,
            "severity": self.severity,
            "detail": self.detail,
            "count": self.count,
            "expected": self.expected,
            "fraction": self.fraction,
            "limit": self.limit,
            "places": [{"row": row, "ts_ms": ts, "time": utc_text(ts), "bars": bars} for row, ts, bars in listed],
            "places_in_all": int(self.rows.size),
            "mend": self.mend,
        }

    def _place(self, i: int) -> str:
        bars = "" if self.amounts is None else f"{self.amounts[i]:,} before "
        return f"{bars}row {self.rows[i]:,} ({utc_text(int(self.ts_ms[i]))})"


@dataclass(frozen=True)
class Examined:
    """Hold all that was found in one instrument's bars: `rows` read, `expected` on the grid, missing values by column.

    The missing values are counted over the whole file.
    """

    name: str
    path: str
    timeframe: str
    rows: int
    expected: int
    missing_values: dict[str, int]
    findings: tuple[Finding, ...]

    def worst(self, *severities: Severity) -> list[Finding]:
        """Return the findings of these severities."""
        return [finding for finding in self.findings if finding.severity in severities]

    def as_json(self) -> dict[str, Any]:
        """Return what a program reads."""
        return {
            "instrument": self.name,
            "timeframe": self.timeframe,
            "path": self.path,
            "rows": self.rows,
            "expected_rows": self.expected,
            "missing_values": self.missing_values,
            "findings": [finding.as_json() for finding in self.findings],
        }


def told(where: str, findings: Sequence[Finding]) -> str:
    """Return one line that names the file, what fails in it, the rows and the mend."""
    parts = [f"{one.detail}: {_share(one)}, {one.places()}: {one.mend}" for one in findings]
    return f"{where}: {'; '.join(parts)}"


def _share(finding: Finding) -> str:
    percent, limit = 100 * finding.fraction, 100 * finding.limit
    allowed = f", {limit:.3g}% allowed" if finding.limit else ""
    return f"{finding.count:,} of {finding.expected:,} bars ({percent:.2g}%{allowed})"
