"""How a live run's figures are written in the terminal. What is not defined is a dash."""

from __future__ import annotations

import math
from typing import Final

from keel.config.section import printable
from keel.domain.live_status import LiveStatus
from keel.domain.orders import TradingState
from keel.report import text

GAIN: Final = "green"
LOSS: Final = "red"
ALARM: Final = "bold red"
STATE_STYLES: Final = {
    TradingState.ACTIVE: "bold green",
    TradingState.REDUCING: "bold yellow",
    TradingState.HALTED: "bold white on red",
}
_WORLDS: Final = {
    "practice": ("PRACTICE", "bold #ffffff on #0a5fa8"),
    "testnet": ("TESTNET", "bold #000000 on #f2b705"),
    "real": ("REAL MONEY", "bold #ffffff on #c4121f"),
}
_DRY_RUN: Final = ("DRY RUN", "bold #ffffff on #1c6b3c")


def world(status: LiveStatus) -> tuple[str, str]:
    """Return whose money is at stake, and the style it is shown in; an environment not known looks like real money."""
    if status.dry_run:
        return _DRY_RUN
    return _WORLDS.get(status.environment, (shown(status.environment).upper(), _WORLDS["real"][1]))


def shown(line: str) -> str:
    """Return what somebody else wrote as one line that cannot steer the terminal."""
    return printable(" ".join(line.split()))


def money(value: float) -> str:
    """Write an amount."""
    return text.money(_known(value))


def percent(value: float, digits: int = 2) -> str:
    """Write a fraction as per cent."""
    return text.percent(_known(value), digits)


def change(value: float) -> str:
    """Write an amount with its sign, plus included."""
    written = money(value)
    return f"+{written}" if value > 0 and any(digit in written for digit in "123456789") else written


def change_style(value: float) -> str:
    """Return the style of a gain, a loss or neither."""
    return GAIN if value > 0 else LOSS if value < 0 else ""


def price(value: float) -> str:
    """Write a price: cents from a hundred, six digits below; zero is no price."""
    if not math.isfinite(value) or value == 0:
        return text.MISSING
    if abs(value) >= 100:
        return money(value)
    decimals = 5 - math.floor(math.log10(abs(value)))
    return _trimmed(f"{value:.{decimals}f}").replace("-", text.MINUS)


def quantity(value: float) -> str:
    """Write a quantity of base units with at most eight decimals, fewer of large ones: floats have noise behind."""
    if not math.isfinite(value):
        return text.MISSING
    decimals = max(0, 9 - len(f"{abs(value):.0f}"))
    return _trimmed(f"{value:,.{decimals}f}").replace("-", text.MINUS)


def milliseconds(value: float | None) -> str:
    """Write a number of milliseconds, tenths below ten."""
    if value is None or not math.isfinite(value):
        return text.MISSING
    return f"{value:,.{1 if abs(value) < 10 else 0}f}".replace("-", text.MINUS)


def lasted(seconds: float | None) -> str:
    """Write a length of time in its two largest units, without spaces between number and unit: `2h 08m`."""
    if seconds is None or not math.isfinite(seconds):
        return text.MISSING
    if seconds < 60:
        return f"{seconds:.{1 if seconds < 10 else 0}f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h {minutes:02d}m"
    return f"{hours // 24}d {hours % 24:02d}h"


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _trimmed(written: str) -> str:
    return written.rstrip("0").rstrip(".") if "." in written else written
