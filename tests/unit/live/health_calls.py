"""Ask a health page over real HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json

from keel.live.health.server import HealthServer


def asked(server: HealthServer, path: str, method: str = "GET", host: str = "127.0.0.1", **headers: str):
    connection = http.client.HTTPConnection(host, int(server.address.rpartition(":")[2]), timeout=5)
    with contextlib.closing(connection):
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read().decode()


def facts(server: HealthServer, path: str, method: str = "GET", **headers: str) -> tuple[int, dict]:
    answer, body = asked(server, path, method, **headers)
    return answer.status, json.loads(body)
