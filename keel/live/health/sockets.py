"""The sockets that the health page listens on: `localhost` means both 127.0.0.1 and ::1, whichever a client tries."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from keel.config.live import HealthSection
from keel.domain.errors import UsageError, reason_of

_LOOPBACK_PAIR: Final = ("127.0.0.1", "::1")
_BACKLOG: Final = 64
_TRIES: Final = 16
"""Free ports of the first address that are tried until one is free at the second, too."""
_NO_SUCH_FAMILY: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


def listening_sockets(section: HealthSection) -> list[socket.socket]:
    """Return sockets that listen at the section's address, all on one port.

    Raises UsageError, naming the key, where the port is taken or the address is not this machine's.
    """
    hosts = _LOOPBACK_PAIR if section.is_loopback else _addresses(section)
    tries = _TRIES if section.port == 0 else 1
    while True:
        tries -= 1
        try:
            return _listen(hosts, section.port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not tries:
                raise _refusal(section, error) from error


def _listen(hosts: Sequence[str], port: int) -> list[socket.socket]:
    found: list[socket.socket] = []
    with ExitStack() as opened:
        for host in hosts:
            try:
                listener = opened.enter_context(_listener(host, port))
            except OSError as error:
                if found and error.errno in _NO_SUCH_FAMILY:  # a machine without IPv6
                    continue
                raise
            port = listener.getsockname()[1]
            found.append(listener)
        opened.pop_all()
    return found


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.settimeout(0.0)
    except BaseException:
        listener.close()
        raise
    return listener


def _addresses(section: HealthSection) -> list[str]:
    try:
        found = socket.getaddrinfo(section.host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        message = f"health.host {section.host!r} is no address of this machine ({reason_of(error)}): use 127.0.0.1"
        raise UsageError(message) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _refusal(section: HealthSection, error: OSError) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError(
            f"port {section.port} is taken on {section.host}: give health.port another one (0 takes any that is free), "
            "or stop what listens there"
        )
    if error.errno == errno.EACCES:
        return UsageError(f"port {section.port} is the system's: give health.port one of 1024 to 65535, or 0")
    return UsageError(
        f"the health page cannot listen on {section.host} port {section.port} ({reason_of(error)}): "
        "mend health.host or health.port, or set health.enabled to false"
    )
