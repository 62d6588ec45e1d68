"""The private CA's challenges: a TXT record or a file that holds a token (DESIGN 4.9).

The token is the whole proof: it is random, belongs to one account and name, and is kept for renewals.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from certloom.domain.address import host_in_url, is_address
from certloom.domain.application import Challenge, ValidationMethod
from certloom.domain.errors import IssuerRefused

RECORD_LABEL: Final = "_certloom-challenge"
FILE_PATH: Final = "/.well-known/certloom-challenge"
LONGEST_NAME: Final = 253  # octets, RFC 1035 2.3.4 without the root's dot
TOKEN_BYTES: Final = 32  # BR 3.2.2.4 asks for 112 bits


def base_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return what must be proven, once each and in order: the name, or the name under the star."""
    return tuple(dict.fromkeys(name.removeprefix("*.") for name in names))


def propose_tokens(names: Sequence[str]) -> Mapping[str, str]:
    """Return a new token for each base name."""
    return {name: secrets.token_urlsafe(TOKEN_BYTES) for name in base_names(names)}


def refuse_unprovable(names: Sequence[str], method: ValidationMethod, *, label: str = RECORD_LABEL) -> None:
    """Raise IssuerRefused when the method cannot prove one of the names; *label* begins the records' names."""
    if method is ValidationMethod.HTTP_01:
        _refuse_stars(names)
        return
    _refuse_addresses(names)
    for name in base_names(names):
        if len(f"{label}.{name}") > LONGEST_NAME:
            detail = (
                f"The record {label}.{name} would be longer than the {LONGEST_NAME} octets that DNS allows; "
                "prove this name with a file (http-01) instead."
            )
            raise IssuerRefused(detail, reason="record_name_too_long")


def challenge(name: str, method: ValidationMethod, token: str) -> Challenge:
    """Return the challenge for one base name."""
    if method is ValidationMethod.DNS_01:
        record = f"{RECORD_LABEL}.{name}"
        return Challenge(name=name, type=method, token=token, record_name=record, record_value=token)
    url = f"http://{host_in_url(name)}{FILE_PATH}/{token}"
    return Challenge(name=name, type=method, token=token, url=url, content=token)


def _refuse_stars(names: Sequence[str]) -> None:
    starred = [name for name in names if name.startswith("*.")]
    if starred:
        detail = f"A file cannot prove the wildcard name {starred[0]}; prove it with a DNS record (dns-01) instead."
        raise IssuerRefused(detail, reason="wildcard_needs_dns")


def _refuse_addresses(names: Sequence[str]) -> None:
    address = next((name for name in names if is_address(name)), None)
    if address:
        detail = f"A DNS record cannot prove the address {address}; prove it with a file (http-01) instead."
        raise IssuerRefused(detail, reason="address_needs_http")
