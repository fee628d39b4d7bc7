"""A combination is built from YAML alone; what is wrong with a member is told with its place in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from keel.app.wire_strategy import load_strategy
from keel.config.load import load_config
from keel.domain.errors import ConfigError
from keel.strategies.combination import Vote, Weighted
from keel.strategies.donchian import DonchianBreakout
from keel.strategies.momentum import Momentum
from keel.strategies.port import Strategy

CONFIG = """\
mode: sim
data: {store: bars, venue: testing, symbols: [A/USDT], timeframe: 1h}
strategy:
  class: keel.strategies.combination:Weighted
  params:
    members:
      - class: keel.strategies.momentum:Momentum
        params: {lookback: 5}
        weight: 0.5
      - name: inner
        class: keel.strategies.combination:Vote
        params:
          needed: 1
          members:
            - class: keel.strategies.donchian:DonchianBreakout
              params: {entry: 30, exit: 15}
"""
EVENTS = """
from keel.strategies.port import EventStrategy

class S(EventStrategy):
    def on_bar(self, context):
        pass
"""


def built(tmp_path: Path, *replacements: tuple[str, str]) -> Strategy:
    text = CONFIG
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "x.yaml").write_text(text)
    loaded = load_config(tmp_path / "x.yaml")
    return load_strategy(loaded.config.strategy.class_path, loaded.document)


def test_members_are_built_with_their_own_parameters_however_deep(tmp_path):
    strategy = built(tmp_path)
    assert isinstance(strategy, Weighted)
    assert list(strategy.members) == ["Momentum", "inner"]
    momentum, vote = strategy.members.values()
    assert isinstance(momentum, Momentum)
    assert momentum.params.lookback == 5
    assert isinstance(vote, Vote)
    (donchian,) = vote.members.values()
    assert isinstance(donchian, DonchianBreakout)
    assert (donchian.params.entry, donchian.params.exit) == (30, 15)


MEMBERS = "strategy.params.members"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "lookback: 5",
            "lokback: 5",
            f":8: unknown key '{MEMBERS}[0].params.lokback': nearest right key is '{MEMBERS}[0].params.lookback'",
        ),
        ("lookback: 5", "lookback: x", f":8: {MEMBERS}[0].params.lookback: expected a whole number, got 'x'"),
        (
            "weight: 0.5",
            "wieght: 0.5",
            f":9: unknown key '{MEMBERS}[0].wieght': nearest right key is '{MEMBERS}[0].weight'",
        ),
        ("weight: 0.5", "weight: 0", f":9: {MEMBERS}[0].weight: expected a number above 0, got 0"),
        (
            "exit: 15",
            "exit: 31",
            f":16: {MEMBERS}[1].params.members[0].params: exit (31) must be at most entry (30)",
        ),
        (
            "needed: 1",
            "needed: 2",
            ":13: strategy.params.members[1].params.needed: 2 votes of 1 members cannot be reached",
        ),
        ("name: inner", "name: Momentum", f":6: {MEMBERS}: 2 members are called Momentum: give each a name of its own"),
        (
            "momentum:Momentum",
            "momentum:Momentun",
            f":7: {MEMBERS}[0].class: module keel.strategies.momentum has no Momentun: it has Momentum",
        ),
        ("momentum:Momentum", "momentum", f":7: {MEMBERS}[0].class: expected module:Class"),
        (
            "donchian:DonchianBreakout",
            "panel:BarPanel",
            f":15: {MEMBERS}[1].params.members[0].class: keel.strategies.panel:BarPanel is not a strategy",
        ),
    ],
)
def test_what_is_wrong_with_a_member_is_told_with_its_place(tmp_path, old, new, told):
    with pytest.raises(ConfigError) as caught:
        built(tmp_path, (old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'x.yaml'}{told}")


def test_event_driven_member_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "event_member.py").write_text(EVENTS)
    with pytest.raises(ConfigError, match=r"x.yaml:7: strategy.params.members\[0\].class: .* is event-driven"):
        built(
            tmp_path, ("keel.strategies.momentum:Momentum", '"event_member:S"'), ("        params: {lookback: 5}\n", "")
        )
