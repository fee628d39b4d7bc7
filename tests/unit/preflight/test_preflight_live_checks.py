"""The checks before live trading whose answers no practice venue gives: by what was found, one by one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from keel.config.sessions import SessionsSection
from keel.data.market_hours import MarketHours
from keel.domain.orders import OrderSide, OrderType
from keel.domain.venue_messages import Balance, LiveBar, OrderState, VenueStatus
from keel.live.closes import Closes
from keel.preflight.check import CheckResult
from keel.preflight.connection import check_clock, check_round_trip
from keel.preflight.consents import check_consents, check_lock, check_risk_limits, check_strategy
from keel.preflight.exposure import Exposure, exposure_of
from keel.preflight.feed import check_account_fees, check_feed
from keel.preflight.findings import Answer, FeedAnswer, VenueFindings, ask, unreached
from keel.preflight.keys import check_key_permissions, check_key_validity
from keel.preflight.live_need import ConfiguredRules, LiveNeed, OpeningCash, StoredClose
from keel.preflight.open_book import check_cash, check_holdings, check_journal, exposure
from keel.preflight.probe import FeeAnswer, HoldingsAnswer, KeyAnswer, TimeAnswer
from keel.preflight.trading_rules import check_filters_age, check_symbol_status
from keel.wire.binance_rules import BinanceRules
from keel.wire.rules_file import RulesFile, write_rules

NOW_MS = 1_704_067_200_000
HOUR_MS = 3_600_000
PARTS = {"tick_size": "0.01", "step_size": "0.00001", "min_qty": "0.00001", "min_notional": "5"}
RULES = BinanceRules("BTC/USDT", "BTCUSDT", "BTC", "USDT", "TRADING", *(Decimal(PARTS[part]) for part in PARTS))


def bar(close_ts_ms: int, close: float = 100.0, length_ms: int = HOUR_MS) -> LiveBar:
    return LiveBar("BTC/USDT", close_ts_ms - length_ms, close_ts_ms, 99.0, 101.0, 98.0, close, 1.0, closed=True)


FOUND = VenueFindings(
    time=Answer(TimeAnswer(20.0, 5.0)),
    rules=Answer({"BTC/USDT": RULES}),
    feed={"BTC/USDT": Answer(FeedAnswer((bar(NOW_MS - HOUR_MS), bar(NOW_MS)), None))},
    key=Answer(KeyAnswer(can_trade=True, can_withdraw=False)),
    fees=Answer(FeeAnswer(10.0, 10.0)),
    holdings=Answer(HoldingsAnswer({}, ())),
)


def need(found: VenueFindings = FOUND, **changes: Any) -> LiveNeed:
    made = LiveNeed(
        environment="real",
        dry_run=False,
        accepts_real_money=True,
        keys={"BINANCE_API_KEY": True, "BINANCE_API_SECRET": True},
        symbols={"BTC/USDT": ConfiguredRules(PARTS, {part: f"market.instrument.{part}" for part in PARTS})},
        closes=Closes(HOUR_MS),
        taker_bps=10.0,
        maker_bps=10.0,
        limits={"max_drawdown": "0.2"},
        limits_off=(),
        most_order_notional=500.0,
        warn_offset_ms=200.0,
        kill_offset_ms=1000.0,
        max_round_trip_ms=500.0,
        stale_after_ms=15_000,
        filters=Path("filters.json"),
        max_filters_age_days=30.0,
        refetch="fetch",
        stored={},
        now_ms=lambda: NOW_MS,
        market_now_ms=lambda: NOW_MS,
        venue_answers=lambda: found,
        strategy=lambda: "it loads",
        lock_holder=lambda: None,
        health_page=lambda: None,
        journal_exposure=Exposure,
    )
    return replace(made, **changes)


def status(result: CheckResult) -> tuple[str, bool]:
    return result.status.value, result.soft


@pytest.mark.parametrize(
    ("offset_ms", "wanted"),
    [(199.9, "pass"), (200.0, "warn"), (-999.9, "warn"), (1000.0, "fail"), (-1000.0, "fail")],
)
def test_clock_warns_and_fails_at_its_thresholds(offset_ms: float, wanted: str) -> None:
    found = replace(FOUND, time=Answer(TimeAnswer(20.0, offset_ms)))
    result = check_clock(need(), "clock", found)
    assert status(result) == (wanted, False)
    assert ("ahead of" if offset_ms > 0 else "behind") in result.detail


@pytest.mark.parametrize(("took_ms", "wanted"), [(499.9, ("pass", False)), (500.0, ("fail", True))])
def test_round_trip_is_soft_and_no_answer_is_hard(took_ms: float, wanted: tuple[str, bool]) -> None:
    found = replace(FOUND, time=Answer(TimeAnswer(took_ms, 0.0)))
    assert status(check_round_trip(need(found), "round trip")) == wanted
    silent = unreached("no answer in time", ["BTC/USDT"])
    assert status(check_round_trip(need(silent), "round trip")) == ("fail", False)


def test_where_no_endpoint_tells_of_withdrawals_the_key_passes() -> None:
    found = replace(FOUND, key=Answer(KeyAnswer(can_trade=True, can_withdraw=None)))
    result = check_key_permissions(need(environment="testnet"), "key permissions", found)
    assert (result.status, result.detail) == (
        "pass",
        "may trade; the exchange's testnet knows no permission to withdraw",
    )


def test_a_question_about_the_key_without_an_answer_is_not_taken_for_a_wrong_key() -> None:
    found = replace(FOUND, key=Answer(why="no answer in time"))
    result = check_key_validity(need(), "key validity", found)
    assert (result.status, result.detail) == ("fail", "not known: no answer in time")


def test_in_a_dry_run_what_is_wrong_with_a_key_only_warns() -> None:
    refused = replace(FOUND, key=Answer(why="-2015", shut_out=True))
    assert check_key_validity(need(dry_run=True), "key validity", refused).status == "warn"
    greedy = replace(FOUND, key=Answer(KeyAnswer(can_trade=True, can_withdraw=True)))
    assert check_key_permissions(need(dry_run=True), "key permissions", greedy).status == "warn"


@pytest.mark.parametrize("state", ["BREAK", "HALT", "AUCTION_MATCH"])
def test_a_symbol_that_does_not_trade_fails(state: str) -> None:
    found = replace(FOUND, rules=Answer({"BTC/USDT": replace(RULES, status=state)}))
    result = check_symbol_status(need(), "symbol status", found)
    assert (result.status, result.detail) == ("fail", f"BTC/USDT is {state}")


def test_fees_warn_where_the_account_pays_more_and_where_nobody_knows() -> None:
    assert check_account_fees(need(), "fees", FOUND).status == "pass"
    assert check_account_fees(need(taker_bps=9.99), "fees", FOUND).status == "warn"
    assert check_account_fees(need(), "fees", replace(FOUND, fees=Answer(why="x"))).status == "warn"


def feed_of(*bars: LiveBar, beside: LiveBar | None = None) -> VenueFindings:
    return replace(FOUND, feed={"BTC/USDT": Answer(FeedAnswer(bars, beside))})


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (feed_of(), "BTC/USDT: has no closed bar yet"),
        (feed_of(bar(NOW_MS - HOUR_MS - 15_001)), "which is not the config's timeframe"),
        (feed_of(bar(NOW_MS, length_ms=60_000)), "which is not the config's timeframe"),
        (feed_of(bar(NOW_MS - 2 * HOUR_MS)), "the next is 3600 s late"),
        (replace(FOUND, feed={"BTC/USDT": Answer(why="no answer")}), "BTC/USDT: no answer"),
    ],
    ids=["no bar", "off the grid", "another length", "stale", "no answer"],
)
def test_a_feed_that_is_not_what_the_config_asks_for_is_a_soft_failure(found: VenueFindings, told: str) -> None:
    result = check_feed(need(), "feed", found)
    assert status(result) == ("fail", True)
    assert told in result.detail


def test_a_feed_may_be_late_by_what_the_config_allows() -> None:
    late = lambda: NOW_MS + HOUR_MS + 15_000  # noqa: E731 - one value
    assert check_feed(need(market_now_ms=late), "feed", FOUND).status == "pass"
    later = lambda: NOW_MS + HOUR_MS + 15_001  # noqa: E731 - one value
    assert check_feed(need(market_now_ms=later), "feed", FOUND).status == "fail"


def test_a_stock_s_bar_of_friday_is_not_late_before_monday_s_open() -> None:
    friday_ms, monday_ms = 1_719_604_800_000, 1_719_840_600_000  # 16:00 on 28 June 2024, 9:30 on 1 July in New York
    closes = Closes(60_000, "America/New_York", MarketHours("XNYS", SessionsSection()))
    found = feed_of(bar(friday_ms, length_ms=60_000))
    for now_ms, status in ((friday_ms + 7_200_000, "pass"), (monday_ms + 75_000, "pass"), (monday_ms + 75_001, "fail")):
        assert check_feed(need(closes=closes, market_now_ms=lambda: now_ms), "feed", found).status == status  # noqa: B023


def test_in_a_rehearsal_our_clock_says_nothing_about_the_feed() -> None:
    assert check_feed(need(market_now_ms=None), "feed", feed_of(bar(NOW_MS - 1000 * HOUR_MS))).status == "pass"


def test_a_stored_bar_with_another_close_is_another_feed() -> None:
    stored = {"BTC/USDT": StoredClose(NOW_MS - 9 * HOUR_MS, 100.0)}
    same = feed_of(bar(NOW_MS), beside=bar(NOW_MS - 8 * HOUR_MS, 100.0))
    assert check_feed(need(stored=stored), "feed", same).status == "pass"
    other = feed_of(bar(NOW_MS), beside=bar(NOW_MS - 8 * HOUR_MS, 100.1))
    result = check_feed(need(stored=stored), "feed", other)
    assert status(result) == ("fail", True)
    assert "closed at 100.1, the stored one at 100" in result.detail


def test_filters_from_the_future_are_a_soft_failure(tmp_path: Path) -> None:
    path = tmp_path / "filters.json"
    write_rules(path, RulesFile("real", "host", NOW_MS + 2 * 24 * HOUR_MS, {"BTC/USDT": RULES}))
    assert status(check_filters_age(need(filters=path), "age")) == ("fail", True)


def test_a_limit_that_is_off_fails() -> None:
    result = check_risk_limits(need(limits_off=("risk.daily_loss",)), "risk limits")
    assert (result.status, result.detail) == ("fail", "off: risk.daily_loss")


def test_testnet_needs_no_consent_and_real_money_its_own() -> None:
    assert check_consents(need(environment="testnet", accepts_real_money=False), "consents").status == "pass"
    assert check_consents(need(accepts_real_money=False), "consents").status == "fail"


def test_real_money_on_alpaca_needs_the_same_consent_by_its_own_key() -> None:
    assert check_consents(need(venue="alpaca", environment="paper", accepts_real_money=False), "x").status == "pass"
    refused = check_consents(need(venue="alpaca", accepts_real_money=False), "consents")
    assert (refused.status, refused.detail.startswith("venue.paper is false")) == ("fail", True)
    assert check_consents(need(venue="alpaca"), "consents").detail.startswith("REAL MONEY")


def test_what_a_strategy_a_lock_and_a_journal_say_when_they_cannot_be_read() -> None:
    from keel.domain.errors import GateRefusedError, UsageError

    def refuse() -> Any:
        raise UsageError("x: is damaged")

    assert check_strategy(need(strategy=refuse), "strategy").detail == "x: is damaged"
    assert check_lock(need(lock_holder=refuse), "lock").status == "fail"
    assert check_lock(need(lock_holder=lambda: "held by process 1"), "lock").detail == "held by process 1"

    def damaged() -> Exposure:
        raise GateRefusedError("the journal x is damaged")

    assert status(check_journal(need(journal_exposure=damaged), "journal")) == ("fail", False)
    assert exposure(need(journal_exposure=damaged), asked=False).unknown == "the journal x is damaged"


ORDER = OrderState(
    "BTC/USDT", "mine", "1", OrderSide.SELL, OrderType.LIMIT, VenueStatus.PARTIAL, Decimal("0.5"), Decimal("0.1"),
    Decimal("101.50"), None, NOW_MS,
)  # fmt: skip


def test_what_is_open_is_told_in_words_and_dust_and_other_assets_are_not() -> None:
    free = {"BTC": Decimal("0.25"), "USDT": Decimal(100), "BNB": Decimal(3)}
    balances = {asset: Balance(amount, Decimal("0.25")) for asset, amount in free.items()}
    known = exposure_of(HoldingsAnswer(balances, (ORDER,)), [RULES], "binance")
    assert known.lines == ("0.5 BTC at binance", "order mine: SELL 0.4 BTC/USDT at 101.5, partial")
    dust = HoldingsAnswer({"BTC": Balance(Decimal("0.00000999"), Decimal(0))}, ())
    assert not exposure_of(dust, [RULES], "binance").is_open


def test_what_the_journal_and_the_venue_know_is_told_together() -> None:
    holdings = HoldingsAnswer({"BTC": Balance(Decimal("0.5"), Decimal(0))}, ())
    found = replace(FOUND, holdings=Answer(holdings))
    journal = Exposure(("0.4 BTC by the journal",))
    assert exposure(need(found, journal_exposure=lambda: journal)).positions == (
        "0.4 BTC by the journal",
        "0.5 BTC at binance",
    )
    assert exposure(need(found), asked=False).lines == ()
    assert not exposure(need(found, dry_run=True, journal_exposure=lambda: journal)).is_open  # simulated
    unknown = replace(FOUND, holdings=Answer(why="no answer"))
    assert exposure(need(unknown)).is_open
    assert check_holdings(need(), "open", unknown).status == "warn"


@pytest.mark.parametrize(
    ("held", "begun", "wanted"),
    [("10000", False, "pass"), ("9999.5", False, "warn"), (None, False, "warn"), ("1", True, "na")],
)
def test_a_first_start_is_warned_where_the_account_holds_less_than_its_book(
    held: str | None, begun: bool, wanted: str
) -> None:
    balances = {} if held is None else {"USDT": Balance(Decimal(held), Decimal(0))}
    found = replace(FOUND, holdings=Answer(HoldingsAnswer(balances, ())))
    opening = OpeningCash(10_000.0, "USDT", lambda: begun)
    result = check_cash(need(found, opening=opening), "cash", found)
    assert result.status.value == wanted
    assert check_cash(need(found), "cash", found).status.value == "na", "of a dry run"


class Silent:
    """A venue whose time nobody tells; every further question would be a bug."""

    closed = False

    async def time(self) -> TimeAnswer:
        from keel.domain.errors import RetryableError

        raise RetryableError("no answer in time")

    async def close(self) -> None:
        self.closed = True


def test_a_venue_that_does_not_answer_is_asked_once_and_let_go() -> None:
    import asyncio

    probe: Any = Silent()
    found = asyncio.run(ask(probe, ["BTC/USDT"], "1h", {}, with_keys=True))
    assert found == unreached("no answer in time", ["BTC/USDT"])
    assert probe.closed


class Spent(Silent):
    """Be a venue of whose limit nothing is left."""

    async def time(self) -> Any:
        from keel.domain.errors import RetryableError

        raise RetryableError("a request (read) would pass Alpaca's rate limits for 12.3 s", wait_s=12.3)


def test_our_own_rate_limit_is_told_with_the_time_to_wait_and_not_as_the_exchanges_silence() -> None:
    import asyncio

    probe: Any = Spent()
    found = asyncio.run(ask(probe, ["BTC/USDT"], "1h", {}, with_keys=True))
    told = check_round_trip(need(found, environment="practice"), "round trip")
    assert (told.detail, told.soft) == ("a request (read) would pass Alpaca's rate limits for 12.3 s", False)
    assert told.mend == "wait 13 s, then try again: rate limits let nothing be asked"
    assert found.holdings.why == "the exchange could not be asked"
    slow: Answer[Any] = Answer(why="would pass the limits for 2.1 s", wait_s=2.1)
    assert check_feed(need(), "feed", replace(FOUND, feed={"BTC/USDT": slow})).mend.startswith("wait 3 s")


class Locked(Silent):
    """Tell nothing, not even the time, to whom it does not know."""

    async def time(self) -> Any:
        from keel.domain.errors import HaltTradingError

        raise HaltTradingError("shut out: 401")


def test_where_bars_need_a_key_a_wrong_one_keeps_a_dry_run_from_starting() -> None:
    refused = replace(FOUND, key=Answer(why="401", shut_out=True))
    dry = need(dry_run=True, venue="alpaca", environment="paper")
    assert check_key_validity(dry, "key validity", refused).status == "fail"


def test_a_venue_that_tells_its_time_to_known_keys_only_is_not_taken_for_one_that_is_down() -> None:
    import asyncio

    probe: Any = Locked()
    found = asyncio.run(ask(probe, ["BTC/USDT"], "1h", {}, with_keys=True))
    assert found.is_reached
    assert status(check_round_trip(need(found), "round trip")) == ("na", False)
    told = check_key_validity(need(found), "key validity", found)
    assert (told.status, "shut out: 401" in told.detail) == ("fail", True)
    assert check_clock(need(found), "clock", found).status == "na"
