"""Checks of the way to the exchange and of the clocks at its two ends."""

from __future__ import annotations

from keel.preflight.check import CheckResult
from keel.preflight.findings import VenueFindings
from keel.preflight.live_checks import ask_again, failed, not_applicable, passed, warned
from keel.preflight.live_need import LiveNeed


def check_round_trip(need: LiveNeed, name: str) -> CheckResult:
    """Check that the exchange answers, and soon enough."""
    time = need.venue_answers().time
    if time.shut_out:
        return not_applicable(name, "the exchange did not take the key")
    if time.value is None and time.wait_s is not None:
        return failed(name, time.why, ask_again(time))
    if time.value is None:
        mend = (
            "start it: python -m services.practice_venue --config, with configs/practice.yaml or practice_alpaca.yaml"
        )
        if need.environment != "practice":
            mend = "check this machine's connection, and whether the exchange is up"
        return failed(name, f"no answer: {time.why}", mend)
    took, limit = time.value.round_trip_ms, need.max_round_trip_ms
    if took >= limit:
        mend = "run nearer to the exchange, or raise live.max_round_trip_ms if so late an order is still good"
        return failed(name, f"{took:.0f} ms, below {limit:g} ms wanted", mend, soft=True)
    return passed(name, f"{took:.0f} ms")


def check_clock(need: LiveNeed, name: str, found: VenueFindings) -> CheckResult:
    """Check our clock against the exchange's: it refuses what is stamped too early or too late."""
    if found.time.value is None:
        return not_applicable(name, "the exchange did not tell its time")
    offset = found.time.value.offset_ms
    told = f"{abs(offset):.0f} ms {'ahead of' if offset > 0 else 'behind'} the exchange's"
    mend = "let this machine keep its time: timedatectl set-ntp true, or chrony"
    if abs(offset) >= need.kill_offset_ms:
        return failed(name, f"our clock is {told}, clock_sync.kill_threshold_ms is {need.kill_offset_ms:g}", mend)
    if abs(offset) >= need.warn_offset_ms:
        return warned(name, f"our clock is {told}, clock_sync.warn_threshold_ms is {need.warn_offset_ms:g}", mend)
    return passed(name, f"our clock is {told}")
