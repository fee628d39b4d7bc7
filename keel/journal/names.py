"""Which journal a run writes to: one for each run name, venue, environment, and dry or not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

SUFFIX: Final = ".journal.sqlite"
DRY: Final = "dry"
"""Last part of the name of a dry run's."""


@dataclass(frozen=True, slots=True)
class JournalName:
    """Name a journal. Practice and real, dry and not, never share one: orders of one mean nothing in another."""

    run: str
    venue: str
    environment: str
    dry_run: bool

    def __str__(self) -> str:
        return "-".join((self.run, self.venue, self.environment, *((DRY,) if self.dry_run else ())))

    def path(self, state_dir: Path) -> Path:
        """Return where it is below the state folder."""
        return state_dir / f"{self}{SUFFIX}"


def journals_in(state_dir: Path) -> list[Path]:
    """Return the journals of a state folder, by name."""
    return sorted(state_dir.glob(f"*{SUFFIX}"))
