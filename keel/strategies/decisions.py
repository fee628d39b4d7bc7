"""From a strategy to target weights, refused where they cannot be meant."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.config.modes import RunConfig
from keel.domain.errors import UsageError
from keel.runs.logs import ERRORS_LOG
from keel.strategies.combination import Combination
from keel.strategies.panel import BarPanel
from keel.strategies.port import Context, EventStrategy, Strategy, VectorStrategy

_LOG: Final = logging.getLogger(__name__)
_NUMBERS: Final = "fiub"
"""numpy's kinds of real numbers: text and dates would be converted without a word, complex numbers halved."""

_BLOCK: Final = 1 << 16
"""Rows counted at once: few enough to leave no trace in memory."""

Weights = NDArray[np.float64]
KeepGoing = Callable[[int], str | None]
"""Called with the rows played so far; returns None to go on, or the status to end with: interrupted, kill_switch."""


def decide_all(strategy: VectorStrategy, bars: BarPanel) -> Weights:
    """Return a vectorised strategy's weights, shape (rows, N), checked for type, shape and NaN or inf.

    Raises UsageError, naming the strategy and the first bad row, and whatever the strategy raises.
    """
    weights = strategy.target_weights(bars)
    if not isinstance(weights, np.ndarray) or weights.shape != (len(bars), bars.n):
        found = f"shape {weights.shape}" if isinstance(weights, np.ndarray) else type(weights).__name__
        raise UsageError(
            f"{name_of(strategy)}.target_weights returned {found}: return an array of shape "
            f"({len(bars)}, {bars.n}), one row a bar and one column an instrument"
        )
    if weights.dtype.kind not in _NUMBERS:
        raise UsageError(f"{name_of(strategy)}.target_weights returned {weights.dtype} values: return real numbers")
    checked = np.ascontiguousarray(weights, dtype=np.float64)
    finite = np.isfinite(checked)
    if not finite.all():
        row, i = (int(at) for at in np.argwhere(~finite)[0])
        raise UsageError(
            f"{name_of(strategy)}.target_weights returned {checked[row, i]} for {bars.symbols[i]} at row {row} "
            f"({row_time(bars, row)}): give 0 to be flat, or repeat the last weight to hold"
        )
    return checked


def prepare(strategy: EventStrategy, bars: BarPanel, config: RunConfig) -> None:
    """Let an event-driven strategy look at all bars before its run. Raises UsageError where it fails."""
    try:
        strategy.prepare(bars)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        raise strategy_failed(strategy, error, "while preparing", Path(config.run.logs_dir)) from error


def ask(strategy: EventStrategy, context: Context, config: RunConfig, still_runs: Callable[[], bool]) -> bool:
    """Ask an event-driven strategy at one close; False if it fails in a run that had ended before.

    Raises UsageError where it fails or returns something.
    """
    returned: object = None
    try:
        returned = strategy.on_bar(context)
    except (Exception, SystemExit) as error:
        if not still_runs():
            return False
        when = f"at {row_time(context.bars, -1)}"
        raise strategy_failed(strategy, error, when, Path(config.run.logs_dir)) from error
    if returned is not None:
        raise UsageError(
            f"{name_of(strategy)}.on_bar returned {type(returned).__name__}: say what to hold with context.set_target, "
            "and return nothing"
        )
    return True


def strategy_failed(strategy: Strategy, error: BaseException, when: str, logs_dir: Path) -> UsageError:
    """Return the one-line error for a strategy that raised or exited; the traceback goes to the run's log."""
    _LOG.error("strategy %s failed %s", name_of(strategy), when, exc_info=error)
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    return UsageError(
        f"strategy {name_of(strategy)} failed {when}: {what}; its traceback is in {logs_dir / ERRORS_LOG}"
    )


def name_of(strategy: Strategy) -> str:
    """Return `module:Class`, as the config names it."""
    return f"{type(strategy).__module__}:{type(strategy).__qualname__}"


def count_signals(weights: Weights, present: NDArray[np.bool_]) -> dict[str, int]:
    """Count decisions that raise (buy), lower (sell) or keep (hold) a weight; bars that are missing do not count.

    `weights` has shape (rows, N); NaN is no new target: hold. Before the first bar every weight is 0.
    """
    buys = sells = 0
    for i in range(weights.shape[1]):
        last = 0.0
        for start in range(0, len(weights), _BLOCK):
            given = weights[start : start + _BLOCK, i][present[start : start + _BLOCK, i]]
            given = given[~np.isnan(given)]
            change = np.diff(given, prepend=last)
            last = float(given[-1]) if len(given) else last
            buys += int(np.count_nonzero(change > 0.0))
            sells += int(np.count_nonzero(change < 0.0))
    return {"buy": buys, "sell": sells, "hold": int(np.count_nonzero(present)) - buys - sells}


def signal_report(strategy: Strategy, weights: Weights, bars: BarPanel) -> dict[str, Any]:
    """Count the signals of all instruments, of each by its symbol and, of a combination, of each member by its name."""
    present = bars.present
    each = {
        symbol: count_signals(weights[:, i : i + 1], present[:, i : i + 1]) for i, symbol in enumerate(bars.symbols)
    }
    report: dict[str, Any] = {name: sum(one[name] for one in each.values()) for name in ("buy", "sell", "hold")}
    report["by_instrument"] = each
    if isinstance(strategy, Combination):
        members = strategy.member_weights(bars)
        report["by_member"] = {name: count_signals(own, present) for name, own in members.items()}
    return report


def row_time(bars: BarPanel, row: int) -> str:
    """Return a row's decision time, for messages."""
    stamp = np.datetime64(int(bars.close_ts_ms[row]), "ms")
    return f"{stamp.astype('datetime64[s]')} UTC"
