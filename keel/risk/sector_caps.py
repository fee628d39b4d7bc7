"""What the targets of one sector may come to together (docs/execution.md, rule 17): what is added is cut to fit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.errors import UsageError
from keel.domain.orders import RequestKind

_LOG: Final = logging.getLogger(__name__)
Weights = NDArray[np.float64]
_EXCESS: Final = 1.0 + 1e-12
"""Above the cap by rounding alone is not above it: weights that were cut are not cut again."""
_TOLD: Final = 5
"""Symbols a message names."""


@dataclass(frozen=True)
class SectorCaps:
    """Hold the sectors of N instruments, `sectors` (N,) by their place in `names`, and each sector's cap (S,).

    A cap is the most of |weight| of a sector's instruments together, a fraction of equity.
    """

    names: tuple[str, ...]
    sectors: NDArray[np.int64]
    caps: Weights

    @classmethod
    def of(cls, sectors: Sequence[str], cap: float | None, caps: Mapping[str, float]) -> SectorCaps:
        """Take the sector of each instrument, the cap of all sectors (None: none) and those that have their own."""
        names = tuple(dict.fromkeys(sectors))
        most = np.inf if cap is None else cap
        places = np.array([names.index(sector) for sector in sectors], np.int64)
        return cls(names, places, np.array([caps.get(name, most) for name in names]))

    def clip(self, weights: Weights, last: Weights, present: NDArray[np.bool_]) -> Weights:
        """Return target weights (…, N), NaN for no new target, within the caps.

        `last` are those accepted before, which an instrument without a new target, or not `present`, keeps. Only what
        is added to them is cut, in a sector by one factor: a cap sells nothing, and what closes is never held up.
        """
        given = present & ~np.isnan(weights)
        wanted, before = np.where(given, np.abs(weights), 0.0), np.abs(last)
        same_side = weights * last > 0.0
        kept = np.where(given, np.where(same_side, np.minimum(wanted, before), 0.0), before)
        added = np.where(given, wanted - kept, 0.0)
        factor = self._factors(self._sums(kept), self._sums(added))[..., self.sectors]
        return np.where(given & (factor < 1.0), np.sign(weights) * (kept + added * factor), weights)

    def clip_rows(self, weights: Weights, present: NDArray[np.bool_]) -> Weights:
        """Return target weights (rows, N) within the caps, row by row, from flat on."""
        clipped, last = np.empty_like(weights), np.zeros(weights.shape[1])
        for row, given in enumerate(weights):
            clipped[row] = self.clip(given, last, present[row])
            last = accepted(clipped[row], last, present[row])
        return clipped

    def told(self, symbols: Sequence[str], before: Weights, after: Weights) -> list[str]:
        """Return in words, a sector each, what was cut from target weights (N,)."""
        cut = ~np.isnan(before) & (before != after)
        texts = []
        for place in dict.fromkeys(self.sectors[cut].tolist()):
            which = np.flatnonzero(cut & (self.sectors == place))
            shown = ", ".join(f"{symbols[i]} {before[i]:.4g} to {after[i]:.4g}" for i in which[:_TOLD])
            more = f" and {len(which) - _TOLD} more" if len(which) > _TOLD else ""
            texts.append(f"sector {self.names[place]} is at its cap of {self.caps[place]:g}: {shown}{more}")
        return texts

    def _factors(self, held: Weights, added: Weights) -> Weights:
        room = np.maximum(self.caps - held, 0.0)
        over = (held + added > self.caps * _EXCESS) & (added > 0.0)
        return np.where(over, room / np.where(over, added, 1.0), 1.0)

    def _sums(self, amounts: Weights) -> Weights:
        """Return the sums by sector (…, S), each in the order of instruments, so that all modes get the same bits."""
        flat = amounts.reshape(-1, len(self.sectors))
        places = self.sectors + np.arange(len(flat))[:, np.newaxis] * len(self.names)
        sums = np.bincount(places.ravel(), flat.ravel(), minlength=len(flat) * len(self.names)).astype(np.float64)
        return sums.reshape(*amounts.shape[:-1], len(self.names))


def accepted(weights: Weights, last: Weights, present: NDArray[np.bool_]) -> Weights:
    """Return what the weights accepted last are after these."""
    return np.where(present & ~np.isnan(weights), weights, last)


def tell_cut(closes: int, of: int) -> None:
    """Tell in the log at how many closes of a run targets were cut."""
    if closes:
        _LOG.warning("sector caps cut targets at %d of %d closes", closes, of)


def refuse_own_orders(requests: NDArray[np.void] | None) -> None:
    """Raise UsageError where a strategy asks for orders, REQUEST (R,), beside which sector caps would mean nothing."""
    if requests is not None and np.any(requests["kind"] == RequestKind.NEW):
        raise UsageError(
            "risk.sectors: sector caps act on target weights, and the strategy places orders of its own: let it set "
            "targets, or set risk.sectors to null"
        )
