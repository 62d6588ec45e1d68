"""Zones: which holds a record, whose proof a record is, and which secrets are none."""

import pytest
from pydantic import ValidationError

from certloom.domain.zone import (
    VENDOR_OPTIONS,
    DnsZone,
    LexiconCredentials,
    ManualSettings,
    Rfc2136Credentials,
    Vendor,
    closest,
    lies_in,
    proven_name,
    revealed,
)
from tests.lives import NOW


@pytest.mark.parametrize(
    ("name", "zone", "inside"),
    [
        ("a.example.com", "example.com", True),
        ("example.com", "example.com", True),
        ("A.Example.COM", "example.com", True),
        ("aexample.com", "example.com", False),
        ("example.com", "a.example.com", False),
        ("example.com.evil.test", "example.com", False),
    ],
)
def test_a_name_lies_in_a_zone_by_whole_labels(name: str, zone: str, inside: bool) -> None:  # noqa: FBT001
    """What merely ends alike is another's."""
    assert lies_in(name, zone) is inside


def test_the_longest_zone_holds_a_record() -> None:
    """The most special zone counts, in any order."""
    zones = [
        DnsZone(id=name, account_id="a", zone=name, settings=ManualSettings(), created_at=NOW)
        for name in ("example.com", "shop.example.com", "xshop.example.com")
    ]

    for order in (zones, zones[::-1]):
        found = closest(order, "_acme-challenge.www.shop.example.com")
        assert found is not None
        assert found.zone == "shop.example.com"
    assert closest(zones, "_acme-challenge.example.org") is None


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ("_acme-challenge.www.example.com", "www.example.com"),
        ("_certloom-challenge.example.com", "example.com"),
        ("_ACME-challenge.Example.com", "example.com"),
        ("www.example.com", None),
        ("_dmarc.example.com", None),
    ],
)
def test_a_record_is_the_proof_of_one_name(record: str, name: str | None) -> None:
    """Only the labels of proofs count."""
    assert proven_name(record) == name


@pytest.mark.parametrize("secret", ["", "short", "AAAA", "not base64 at all, whatever it is", "A" * 43])
def test_a_secret_must_be_one(secret: str) -> None:
    """A key that is no base64, or shorter than 16 bytes, is told at once, and not repeated."""
    with pytest.raises(ValidationError, match="base64") as fault:
        Rfc2136Credentials.model_validate({"secret": secret})

    assert not secret or secret not in str(fault.value.errors(include_input=False))


@pytest.mark.parametrize("value", ["", "a b", "a\nb", "ä", "a\x00"])
def test_an_option_is_one_word(value: str) -> None:
    """Nothing that could end a header or a line is handed to a vendor."""
    with pytest.raises(ValidationError):
        LexiconCredentials.model_validate({"options": {"auth_token": value}})


def test_every_vendor_has_its_options() -> None:
    """The table is total, and every vendor needs something."""
    assert set(VENDOR_OPTIONS) == set(Vendor)
    assert all(options.needed for options in VENDOR_OPTIONS.values())


def test_credentials_survive_being_sealed() -> None:
    """What is revealed for sealing is read back as it was."""
    options = LexiconCredentials.model_validate({"options": {"auth_token": "t"}})
    key = Rfc2136Credentials.model_validate({"secret": "QUFBQUFBQUFBQUFBQUFBQQ=="})

    for one in (options, key):
        assert type(one).model_validate(revealed(one)) == one
        assert "**" in repr(one)
