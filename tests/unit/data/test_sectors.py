"""The file of sectors: what it says, and what is refused with the row to mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from keel.data.sectors import read_sectors
from keel.domain.errors import DataError


def written(folder: Path, text: str) -> Path:
    path = folder / "sectors.csv"
    path.write_text(text)
    return path


def test_sectors_are_given_in_the_order_of_the_symbols(tmp_path: Path):
    path = written(tmp_path, "name,symbol,sector\nApple, AAPL ,Technology\nExxon,XOM,Energy\nIBM,IBM,Technology\n")
    sectors = read_sectors(path, ("XOM", "AAPL"))
    assert (sectors.of, sectors.rows) == (("Energy", "Technology"), 3)
    again = read_sectors(written(tmp_path, "sector,symbol\nTechnology,AAPL\nEnergy,XOM\n"), ("XOM", "AAPL"))
    assert again.content_hash == sectors.content_hash


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("symbol,sector\nXOM,Energy\n", "no row of AAPL: add the row AAPL,<its sector>"),
        ("symbol,industry\nAAPL,Phones\n", "no column sector; its columns are symbol, industry: a file of sectors has"),
        ("symbol,sector\nAAPL,\n", "row 1: sector is empty"),
        ("symbol,sector\nAAPL,Tech\n,Energy\n", "row 2: symbol is empty"),
        ("symbol,sector\nAAPL,Tech\nAAPL,Energy\n", "row 2: AAPL is of Tech above and of Energy here: leave one row a"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, refusal: str):
    with pytest.raises(DataError) as caught:
        read_sectors(written(tmp_path, text), ("AAPL",))
    assert str(caught.value).startswith(f"{tmp_path / 'sectors.csv'}: {refusal}")


def test_all_symbols_without_a_row_are_named(tmp_path: Path):
    with pytest.raises(DataError, match="no row of AAPL, XOM: add the row AAPL,<its sector>"):
        read_sectors(written(tmp_path, "symbol,sector\nIBM,Technology\n"), ("AAPL", "IBM", "XOM"))


def test_a_file_that_is_not_there_is_named_with_its_key(tmp_path: Path):
    with pytest.raises(DataError, match=r"no such file: mend risk\.sectors, or set it to null"):
        read_sectors(tmp_path / "none.csv", ("AAPL",))
