"""Bars are made once for all tests of the room."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made_brokerage import made_config
from practice_here import running

from keel.app.practice import open_venue


@pytest.fixture(scope="session")
def bar_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("practice")


@pytest.fixture(scope="module")
def brokerage(bar_folder: Path) -> Iterator[Callable[..., tuple[int, Any]]]:
    """Serve a venue that speaks Alpaca's wire; return what asks it, without the SDK, and returns status and answer."""
    venue = open_venue(made_config(bar_folder, alpaca={"requests_1m": 100_000}))
    pair = venue.keys["practice"]
    headers = {"APCA-API-KEY-ID": pair.key, "APCA-API-SECRET-KEY": pair.secret}
    with running(venue) as address:

        def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(address + path, data, headers, method=method)  # noqa: S310 - loopback
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, json.load(error)

        yield ask
