"""Section `ray`: the cluster that simulates the trials of a search, or trains a population."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from keel.config.section import Section, expected

_ADDRESS: Final = r"auto|[A-Za-z0-9_.-]+:\d{1,5}"


def _check_address(address: str) -> str:
    if re.fullmatch(_ADDRESS, address) is None:
        raise expected("auto or host:port such as 127.0.0.1:6379")
    return address


class RaySection(Section):
    """Say where searches and populations run: here, or on a Ray cluster (extra `ray`)."""

    address: Annotated[str, AfterValidator(_check_address)] | None = Field(
        None,
        description="Ray cluster that sweep, walk-forward and training.population run on, host:port such as "
        "127.0.0.1:6379, or auto (the one on this machine); null = this machine alone.",
    )
