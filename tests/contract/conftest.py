"""Compile what the practice venue matches with before a test gives it three seconds."""

from __future__ import annotations

import asyncio

import pytest
from practice_rig import practice_rig
from test_venue_contract import ticket


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    async def first_order() -> None:
        async with practice_rig(timeout_s=600.0) as rig:
            await rig.venue.submit(ticket())
            await rig.pass_bars()

    asyncio.run(first_order())
