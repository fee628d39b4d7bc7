"""Ray: one started here for one run, or a cluster that somebody started."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from pathlib import Path
from typing import Any, Final

from keel.domain.errors import UsageError, reason_of

_KNOCK_S: Final = 5.0
_TOKEN: Final = Path.home() / ".ray" / "auth_token"
"""Where Ray keeps the token of clusters that are started here."""
_LEAST_STORE: Final = 100_000_000
"""Bytes of shared memory that Ray takes at the least."""


def join_cluster(address: str) -> Any:  # noqa: ANN401 - Ray is an extra: its module is not there to be typed
    """Return the module ray, connected to the cluster at an address. Raises UsageError where none answers."""
    if "RAY_AUTH_MODE" not in os.environ and _TOKEN.exists():
        # A cluster started beside a token asks for it, and Ray shows it only to clusters of its own making.
        os.environ["RAY_AUTH_MODE"] = "token"
    ray = _imported(f"ray.address {address} needs Ray", "set ray.address to null")
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"ray.address {address}: no cluster answers: start one with ray start --head, or set ray.address to null"
        ) from error
    return ray


def start_ray(cpus: int, shared_bytes: int, asks: str, mend: str) -> Any:  # noqa: ANN401
    """Return the module ray, started on this machine for this process: it listens on 127.0.0.1 and ends with us.

    `shared_bytes` are what its processes share. `asks` is the key that needs Ray, `mend` how to do without. Raises
    UsageError where Ray is missing or does not start.
    """
    if "RAY_AUTH_MODE" not in os.environ:
        # Others on this machine must not run code here. Ray's own token would stay in the home folder, where every
        # cluster that is started later asks for it.
        os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)})
    ray = _imported(f"{asks} needs Ray", mend)
    try:
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=_LEAST_STORE + 2 * shared_bytes,
            _node_ip_address="127.0.0.1",
        )
    except Exception as error:  # where a busy machine starts it too slowly, Ray raises nothing narrower
        raise UsageError(f"{asks}: Ray does not start here ({reason_of(error)}): run again, or {mend}") from error
    return ray


def _imported(what: str, mend: str) -> Any:  # noqa: ANN401
    # Nobody is told that we use Ray.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise UsageError(f"{what}: pip install 'keel[ray]', or {mend}") from error
    return ray


def _knock(address: str) -> None:
    """Raise OSError where nothing listens: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host:
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()
