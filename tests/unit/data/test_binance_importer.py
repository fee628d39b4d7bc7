from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from made_bars import hours

from keel.data.importers.binance import binance_target, read_binance
from keel.domain.errors import DataError, UsageError

# As in https://github.com/binance/binance-public-data, issues 283 (header) and 386 (microseconds).
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
ROWS = [
    (100, 111, 99, 110, 5, 550.0, 10, 2.5),
    (110, 122, 108, 120, 6, 720.0, 20, 3.0),
    (120, 121, 119, 119, 7.5, 900.0, 30, 3.5),
]


def kline_text(unit: int = 1, header: str = "", early: int = 1) -> str:
    """Return three hourly klines whose times count `unit` a millisecond and close `early` units before the hour."""
    lines = [header] if header else []
    for start, end, (*prices, volume, quote, count, taker) in zip(hours(0, 1, 2), hours(1, 2, 3), ROWS, strict=True):
        cells = [start * unit, *prices, volume, end * unit - early, quote, count, taker, 1.0, 0]
        lines.append(",".join(map(str, cells)))
    return "\n".join(lines) + "\n"


def written(folder: Path, text: str, name: str = "ACMEUSDT-1h-2021-01.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def zipped(folder: Path, text: str, *names: str, name: str = "ACMEUSDT-1h-2021-01.zip") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside in names or ("ACMEUSDT-1h-2021-01.csv",):
            archive.writestr(inside, text)
    return path


def read(path: Path, symbol: str | None = None, timeframe: str | None = None):
    return read_binance(path, binance_target(path, "binance", symbol, timeframe))


def refusal(call, error=DataError) -> str:
    with pytest.raises(error) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_spot_and_futures_in_every_spelling_are_the_same_bars(tmp_path):
    spellings = [
        kline_text(),
        kline_text(unit=1000),
        kline_text(early=0),
        kline_text(header=HEADER),
        kline_text(header="openTime,open,high,low,close,volume,closeTime,baseAssetVolume,numberOfTrades,takerBuyVolume,"
                   "takerBuyBaseAssetVolume,ignore"),
        kline_text(header="Open time,Open,High,Low,Close,Volume,Close time,Quote asset volume,Number of trades,"
                   "Taker buy base asset volume,Taker buy quote asset volume,Ignore"),
        kline_text().replace("\n", "\r\n"),
    ]  # fmt: skip
    hashes = {read(written(tmp_path, text)).content_hash() for text in spellings}
    assert hashes == {read(zipped(tmp_path, kline_text())).content_hash()}


def test_trade_count_and_taker_buy_volume_are_kept_and_the_close_is_mended(tmp_path):
    bars = read(zipped(tmp_path, kline_text(unit=1000)))
    assert (str(bars.instrument_id), bars.timeframe, bars.feed, bars.price_kind) == (
        "binance:ACMEUSDT", "1h", "binance", "raw",
    )  # fmt: skip
    assert bars.table["open_ts_ms"].to_list() == hours(0, 1, 2)
    assert bars.table["close_ts_ms"].to_list() == hours(1, 2, 3)
    assert bars.table["volume"].to_list() == [5.0, 6.0, 7.5]
    assert bars.table["trade_count"].to_list() == [10, 20, 30]
    assert bars.table["taker_buy_volume"].to_list() == [2.5, 3.0, 3.5]


def test_file_name_tells_symbol_and_timeframe_and_options_come_first():
    for name, told in [
        ("BTCUSDT-1m-2024-01.zip", ("BTCUSDT", "1m")),
        ("BTCUSD_PERP-4h-2024-01-31.csv", ("BTCUSD_PERP", "4h")),
        ("1000SHIBUSDT-1d-2024-01.zip", ("1000SHIBUSDT", "1d")),
    ]:
        target = binance_target(Path(name), "binance", None, None)
        assert (target.instrument_id.symbol, target.timeframe) == told
    target = binance_target(Path("BTCUSDT-1m-2024-01.zip"), "binance", "BTC/USDT", None)
    assert (target.instrument_id.symbol, target.timeframe) == ("BTC/USDT", "1m")
    refusal(lambda: binance_target(Path("klines.csv"), "binance", None, "1m"), UsageError)


def test_months_are_refused_by_name_as_no_timeframe(tmp_path):
    path = written(tmp_path, kline_text(), "ACMEUSDT-1mo-2021-01.csv")
    assert "timeframe '1mo'" in refusal(lambda: read(path), UsageError)


def test_timeframe_shorter_than_the_bars_is_refused_by_row(tmp_path):
    path = written(tmp_path, kline_text(unit=1000), "ACMEUSDT-1m-2021-01.csv")
    told = refusal(lambda: read(path))
    assert told.startswith(f"{path}: row 1: close_time")
    assert "more than 1m after open_time" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,2,3\n", "has 3 columns, a kline file has 12"),
        (kline_text(header=HEADER.replace("volume,close", "amount,close")), "'amount' stands where a kline file has"),
        (kline_text(header=HEADER.replace("high,low", "low,high")), "'low' stands where a kline file has high"),
        (kline_text().replace("122,108", "x,108"), "row 2: high 'x' is no number"),
        (kline_text().replace("122,108", "108,122"), "row 2 (2021-01-01 01:00 UTC): high 108.0 is below low"),
        (HEADER + "\n", "no row below it"),
        (kline_text() + "1,2,3,4,5,6,7,8,9,10,11,12,13\n", "row 4 has 13 cells"),
    ],
)
def test_other_files_and_bad_rows_are_refused(tmp_path, text, told):
    assert told in refusal(lambda: read(written(tmp_path, text)))


def test_damaged_zip_and_zip_of_several_or_no_files_are_refused_by_name(tmp_path):
    whole = zipped(tmp_path, kline_text()).read_bytes()
    path = tmp_path / "ACMEUSDT-1h-2021-01.zip"
    path.write_bytes(whole[:-30])
    assert refusal(lambda: read(path)).startswith(f"{path}: cannot be read as .zip")
    flipped = bytearray(whole)
    flipped[80] ^= 0xFF  # inside the packed rows
    path.write_bytes(flipped)
    assert refusal(lambda: read(path)).startswith(f"{path}: ")
    assert "holds 2 files" in refusal(lambda: read(zipped(tmp_path, kline_text(), "a.csv", "b.csv")))
