"""Ray of our own has a token of its own; a cluster's token is shown where there is one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from keel.domain.errors import UsageError
from keel.wire import cluster


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Put a ray in place that notes what it is asked, and how it is to prove who it is."""
    noted: list[dict[str, Any]] = []
    names = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")

    def init(**given: Any) -> None:
        noted.append({**given, **{name: os.environ.get(name) for name in names}})

    for name in names:  # put back what is set below, after the test
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    return noted


def test_ray_of_our_own_listens_here_alone_and_has_a_token_that_nobody_knows(asked: list[dict[str, Any]]):
    for _ in range(2):
        cluster.start_ray(2, 1000, "training.population", "set it to null")
        os.environ.pop("RAY_AUTH_MODE")
    first, second = asked
    assert (first["_node_ip_address"], first["num_cpus"]) == ("127.0.0.1", 2)
    assert first["RAY_AUTH_MODE"] == "token"
    assert len(first["RAY_AUTH_TOKEN"]) == 64
    assert first["RAY_AUTH_TOKEN"] != second["RAY_AUTH_TOKEN"]


@pytest.mark.parametrize("there", [True, False])
def test_a_cluster_is_shown_rays_token_where_there_is_one(
    asked: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
):
    token = tmp_path / "auth_token"
    if there:
        token.touch()
    monkeypatch.setattr(cluster, "_TOKEN", token)
    cluster.join_cluster("auto")
    assert asked[0]["RAY_AUTH_MODE"] == ("token" if there else None)
    assert asked[0]["RAY_AUTH_TOKEN"] is None


def test_what_was_said_about_tokens_is_left_as_it_is(asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    cluster.start_ray(1, 0, "training.population", "set it to null")
    assert (asked[0]["RAY_AUTH_MODE"], asked[0]["RAY_AUTH_TOKEN"]) == ("disabled", None)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        UsageError, match=r"training\.population needs Ray: pip install 'keel\[ray\]', or set it to null"
    ):
        cluster.start_ray(1, 0, "training.population", "set it to null")
