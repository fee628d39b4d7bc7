"""The one tree of failures, named by the reaction each asks for.

    KeelError
    ├── UsageError            exit 2   the user can mend it: config, data or command line
    │   ├── ConfigError                a YAML key, a --set, a secret in the environment
    │   └── DataError                  bars: missing, malformed, out of range
    ├── GateRefusedError      exit 3   a gate said no: doctor, kill switch, lock
    ├── HaltTradingError      exit 4   stopped by risk or by the venue
    └── RetryableError                 the same call may go through later

Refusals of single orders are events (`OrderDenied`, `OrderRejected`), never exceptions.
"""

from __future__ import annotations


class KeelError(Exception):
    """Be the root of every failure Keel raises on purpose; `exit_code` is what the process ends with."""

    exit_code = 1


class UsageError(KeelError):
    """Report input the user can mend, in one line that names the place and the mend."""

    exit_code = 2


class ConfigError(UsageError):
    """Report a wrong configuration: file, line, key and the mend."""


class DataError(UsageError):
    """Report bars that cannot be trusted: file, row and the mend."""


class GateRefusedError(KeelError):
    """Report that a gate (doctor, kill switch, lock) refused to let a run start or go on."""

    exit_code = 3


class HaltTradingError(KeelError):
    """Report that risk limits or the venue stopped the run."""

    exit_code = 4


class RetryableError(KeelError):
    """Report a passing fault: the same call may succeed later, where `wait_s` is set not before so many seconds."""

    def __init__(self, told: str, wait_s: float | None = None) -> None:
        super().__init__(told)
        self.wait_s = wait_s


def reason_of(error: BaseException) -> str:
    """Return what a library's error says as one printable line of at most 160 characters."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    line = " ".join(text.split())[:160]
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in line)
