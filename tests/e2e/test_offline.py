"""Features row 07.03: a simulation reaches no network, and does not even load what could."""

from __future__ import annotations

from .desk import Desk

GUARD = """
import atexit, os, sys
def guard(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind"):
        os.write(2, f"NETWORK {event} {arguments}\\n".encode())
        os._exit(99)
sys.addaudithook(guard)
atexit.register(lambda: open("modules", "w").write(" ".join(sorted(sys.modules))))
"""
NEVER = {"binance", "alpaca", "torch", "stable_baselines3", "pandas", "requests", "aiohttp", "httpx", "websockets"}


def guarded(desk: Desk) -> Desk:
    (desk.folder / "guard").mkdir()
    (desk.folder / "guard" / "sitecustomize.py").write_text(GUARD)
    desk.environ["PYTHONPATH"] = str(desk.folder / "guard")
    return desk


def test_guard_catches_what_looks_for_a_network(desk: Desk) -> None:
    reaching = "import socket; socket.create_connection(('127.0.0.1', 9), timeout=1)"
    assert guarded(desk).python("-c", reaching).code == 99


def test_backtest_makes_no_connection_and_loads_no_exchange_and_no_torch(desk: Desk) -> None:
    outcome = guarded(desk).backtest()
    assert (outcome.code, outcome.err) == (0, "")
    loaded = {name.partition(".")[0] for name in (desk.folder / "modules").read_text().split()}
    assert "keel" in loaded
    assert not loaded & NEVER


def test_doctor_makes_no_connection(desk: Desk) -> None:
    outcome = guarded(desk).script("scripts/doctor.py", "--config", "config.yaml")
    assert outcome.code == 0, outcome
