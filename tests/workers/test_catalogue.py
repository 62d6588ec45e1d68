import json
from pathlib import Path
from typing import Any

import pytest

from certloom.catalogue import SHIPPED, read_catalogue
from certloom.domain.product import Level, NameMode
from certloom.settings import BadSetting

ISSUERS = ("private",)
GOOD: dict[str, Any] = {
    "id": "x",
    "title": "X",
    "level": "DV",
    "name_mode": "single",
    "price": {"amount": 1, "currency": "EUR"},
}


def written(folder: Path, *items: dict[str, Any]) -> Path:
    file = folder / "catalogue.json"
    file.write_text(json.dumps({"items": items}), encoding="utf-8")
    return file


def test_what_we_ship_is_sound() -> None:
    """The shipped catalogue sells DV for one name, a wildcard, many names and addresses, OV and EV, in one currency."""
    items = {item.id: item for item in read_catalogue(None, issuers=ISSUERS).items}
    assert {item.price.currency for item in items.values()} == {"EUR"}
    assert items["dv-single"].name_mode is NameMode.SINGLE
    assert items["dv-wildcard"].name_mode is NameMode.WILDCARD
    assert items["dv-multi"].max_names == 200
    assert [item.id for item in items.values() if item.addresses] == ["dv-address"]
    assert (items["ov"].level, items["ov"].max_names, items["ov"].wildcards) == (Level.OV, 100, True)
    assert (items["ev"].level, items["ev"].max_names, items["ev"].wildcards) == (Level.EV, 100, False)


def test_a_file_replaces_it(tmp_path: Path) -> None:
    """The operator's file is the whole catalogue."""
    assert [item.id for item in read_catalogue(written(tmp_path, GOOD), issuers=ISSUERS).items] == ["x"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"price": {"amount": 9.5, "currency": "EUR"}}, "/items/0/price/amount"),
        ({"price": {"amount": 9, "currency": "euro"}}, "/items/0/price/currency"),
        ({"level": "XV"}, "/items/0/level"),
        ({"colour": "red"}, "/items/0/colour"),
        ({"issuer": "acme"}, "/items/0/issuer"),
        ({"max_names": 3}, "/items/0/max_names"),
        ({"level": "EV", "name_mode": "multi_domain", "wildcards": True}, "/items/0/wildcards"),
        ({"level": "EV", "name_mode": "wildcard"}, "/items/0/wildcards"),
        ({"level": "OV", "addresses": True}, "/items/0/addresses"),
        ({"name_mode": "wildcard", "addresses": True}, "/items/0/addresses"),
        ({"addresses": "yes, please"}, "/items/0/addresses"),
    ],
)
def test_a_fault_is_told_with_its_place(change: dict[str, Any], pointer: str, tmp_path: Path) -> None:
    """A wrong product ends with one sentence that names the file and the JSON path."""
    file = written(tmp_path, {**GOOD, **change})
    with pytest.raises(BadSetting, match=f"^The catalogue {file} is wrong at {pointer}: [^\n]*[.]$"):
        read_catalogue(file, issuers=ISSUERS)


def test_an_id_is_used_once(tmp_path: Path) -> None:
    """Two products of one id are refused, at the second."""
    with pytest.raises(BadSetting, match=r"/items/1/id: 'x' is used twice"):
        read_catalogue(written(tmp_path, GOOD, GOOD), issuers=ISSUERS)


def test_an_empty_catalogue_is_refused(tmp_path: Path) -> None:
    """A service that sells nothing is a mistake."""
    with pytest.raises(BadSetting, match="/items"):
        read_catalogue(written(tmp_path), issuers=ISSUERS)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'{"items": 3}'])
def test_a_broken_file_is_told(content: bytes, tmp_path: Path) -> None:
    """A file that is no JSON, no text or no catalogue ends with a sentence, not a traceback."""
    file = tmp_path / "catalogue.json"
    file.write_bytes(content)
    with pytest.raises(BadSetting, match=f"^The catalogue {file} "):
        read_catalogue(file, issuers=ISSUERS)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A catalogue that is not there is named."""
    with pytest.raises(BadSetting, match=r"nowhere\.json cannot be read"):
        read_catalogue(tmp_path / "nowhere.json", issuers=ISSUERS)


def test_the_shipped_file_is_packaged_beside_its_reader() -> None:
    """The file travels with the code."""
    assert SHIPPED.name == "catalogue.json"
    assert SHIPPED.exists()
