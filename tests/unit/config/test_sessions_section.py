"""Section `sessions`: what it allows by default, and what is refused."""

from __future__ import annotations

import pytest

from keel.config.sessions import SessionsSection
from keel.domain.errors import ConfigError
from keel.domain.sessions import Activity, Window

STOCKS = ("market.calendar=XNYS", "market.timezone=America/New_York")
LIVE = """\
mode: live
data: { venue: made, symbols: [AAA, BBB], timeframe: 1m, sources: { BBB: { calendar: XNYS } } }
strategy: { class: "keel.strategies.buy_and_hold:BuyAndHold" }
risk: { daily_loss_limit: 100, max_drawdown: 0.2, max_orders_per_min: 10 }
venue: { address: "http://127.0.0.1:8900" }
"""


def test_by_default_trading_is_for_the_regular_session_and_its_close():
    allowed = dict(zip(Window, SessionsSection().activities, strict=True))
    assert [window for window, activity in allowed.items() if activity is Activity.TRADE] == [
        Window.REGULAR,
        Window.AT_CLOSE,
    ]
    assert set(allowed.values()) == {Activity.TRADE, Activity.WATCH}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["sessions.after_hours=trade"], "sessions: symbols that trade round the clock, or by several calendars, have"),
        ([*STOCKS, "sessions.regular=sell"], "sessions.regular: expected 'trade', 'reduce' or 'watch', got 'sell'"),
        ([*STOCKS, "sessions.regular=watch", "sessions.at_close=reduce"], "sessions.regular: no window has trade, so"),
        (
            [*STOCKS, "data.timeframe=1d", "sessions.at_close=reduce"],
            "sessions.at_close: bars of 1d are decided on at the close: set it to trade",
        ),
        (
            [*STOCKS, "sessions.pre_market_minutes=1441"],
            "expected a number of at most 1440, got 1441",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(load, overrides: list[str], message: str):
    with pytest.raises(ConfigError) as refused:
        load("", *overrides)
    assert message in str(refused.value)


def test_a_live_run_of_two_calendars_is_refused(load):
    with pytest.raises(
        ConfigError, match=r"data\.sources: one live run takes one calendar, got 24/7, XNYS: make a run"
    ):
        load("", text=LIVE)


def test_a_backtest_of_two_calendars_has_no_sessions(load):
    text = LIVE.replace("mode: live", "mode: sim").partition("risk:")[0]
    assert load("", text=text).config.session_calendar == "24/7"
