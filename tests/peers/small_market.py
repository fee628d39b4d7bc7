"""The small markets of docs/peers.md: a table of each is its bars, what is decided, and the equity of both sides."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from .markets import bars_of
from .peer import ROOT

DOCUMENT = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
NONE = ("", "–")


@dataclass(frozen=True)
class SmallMarket:
    """Hold a table's columns by name, as text."""

    columns: dict[str, list[str]]

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as numbers, shape (rows,), NaN for none."""
        return np.array([np.nan if cell in NONE else float(cell) for cell in self.columns[name]])

    @property
    def bars(self) -> np.ndarray:
        """Return BAR records; a second instrument's columns end in B."""
        names = ["", " B"] if "open B" in self.columns else [""]
        open_, close = (np.stack([self.numbers(price + name) for name in names], axis=1) for price in ("open", "close"))
        if "high" not in self.columns:
            return bars_of(open_, np.maximum(open_, close), np.minimum(open_, close), close)
        return bars_of(open_, self.numbers("high")[:, None], self.numbers("low")[:, None], close)

    @property
    def codes(self) -> np.ndarray:
        """Return signals: 1 for buy, -1 for short, 2 for sell, 0 for none."""
        words = [cell.partition(" ")[0] for cell in self.columns["decided"]]
        return np.array([{"buy": 1, "short": -1, "sell": 2, "": 0}[word] for word in words])

    @property
    def size(self) -> float | None:
        """Return how many units an entry has; None for all there is."""
        entry = next(cell.split()[1] for cell in self.columns["decided"] if cell.startswith(("buy", "short")))
        return None if entry == "all" else float(entry)

    @property
    def weights(self) -> np.ndarray:
        """Return the weights decided, (rows, N), a row without any holding those before."""
        rows: list[list[float]] = []
        for cell in self.columns["decided"]:
            rows.append([float(part.strip(" %")) / 100.0 for part in cell.split("/")] if cell else rows[-1])
        return np.array(rows)

    def check(self, side: str, equity: np.ndarray) -> None:
        """Compare a side's equity with its column; a run that has ended has no more."""
        wanted = self.numbers(side)
        assert len(equity) == np.count_nonzero(~np.isnan(wanted)), f"{side} played {len(equity)} bars"
        np.testing.assert_allclose(equity, wanted[: len(equity)], rtol=0.0, atol=0.005, err_msg=side)


def small_market(heading: str) -> SmallMarket:
    """Return the table under a heading of docs/peers.md."""
    text = DOCUMENT.partition(f"\n### {heading}\n")[2]
    assert text, f"docs/peers.md has no heading {heading!r}"
    lines = re.findall(r"^\|(.*)\|$", text.partition("\n#")[0], re.MULTILINE)
    names, _, *rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    return SmallMarket({name: [row[at] for row in rows] for at, name in enumerate(names)})


def headings() -> list[str]:
    """Return the headings of all known differences."""
    return re.findall(r"^### (.*)$", DOCUMENT.partition("\n## Known differences")[2], re.MULTILINE)
