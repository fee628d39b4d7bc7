"""The sector caps of a run, from its config and the file it names."""

from __future__ import annotations

import difflib
from pathlib import Path

from keel.config.modes import RunConfig
from keel.config.section import clip
from keel.data.sectors import Sectors, read_sectors
from keel.domain.errors import ConfigError
from keel.risk.sector_caps import SectorCaps
from keel.runs.manifest import DataRecord


def sector_caps_of(config: RunConfig) -> tuple[SectorCaps | None, tuple[DataRecord, ...]]:
    """Return what the targets of sectors may come to, None for no cap, with a record of the file read.

    Raises DataError for a file that lacks a symbol, ConfigError for a cap of a sector that no symbol is of.
    """
    risk = config.risk
    if risk.sectors is None:
        return None, ()
    sectors = read_sectors(Path(risk.sectors), config.data.symbols)
    for name in risk.sector_weights:
        if name not in sectors.of:
            near = difflib.get_close_matches(name, sectors.of, n=1)
            mend = f"did you mean {near[0]}?" if near else "remove it"
            raise ConfigError(f"risk.sector_weights: no symbol is of {clip(name)} by {risk.sectors}: {mend}")
    caps = SectorCaps.of(sectors.of, risk.max_sector_weight, risk.sector_weights)
    return caps, (_record(risk.sectors, sectors),)


def _record(path: str, sectors: Sectors) -> DataRecord:
    return DataRecord(
        instrument="sectors",
        timeframe="",
        path=path,
        feed="file",
        price_kind="",
        rows=sectors.rows,
        first_ts_ms=None,
        last_ts_ms=None,
        content_hash=sectors.content_hash,
    )
