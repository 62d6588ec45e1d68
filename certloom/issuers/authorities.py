"""Setting up the embedded CA, once: the root, its two issuing authorities, and a first CRL of each.

Keys are sealed under the issuers' key before they reach the database, and exist nowhere else.
"""

import asyncio
from datetime import datetime
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certloom.domain.errors import FieldFault, InvalidInput
from certloom.domain.key import KeyFamily
from certloom.issuers.crls import build_crl, edition
from certloom.issuers.profiles import ROOT, AuthorityName, build_issuing, build_root
from certloom.issuers.signing import AuthorityKey, make_key, seal_key
from certloom.keys.interface import Sealer
from certloom.storage.interface import Storage
from certloom.storage.records import Authority

LONGEST_ORGANISATION: Final = 58  # 64 (RFC 5280 ub-common-name) less the longest role that is added, " ECDSA"
NOWHERE: Final = "XX"  # ISO 3166-1 keeps it for users; the BR let it stand where no country fits


async def create_authorities(
    storage: Storage,
    sealer: Sealer,
    *,
    public_url: str,
    organisation: str = "Certloom Private CA",
    country: str = NOWHERE,
    now: datetime,
) -> bool:
    """Make the three authorities unless they exist; True when this call made them.

    May be called at every start and by several processes at once: the first to commit wins, whole. Raises InvalidInput
    when the names or the address cannot stand in a certificate.
    """
    check_public_url(public_url)
    name = _checked_name(country, organisation)
    async with storage.read() as tx:
        if await tx.authorities.get(ROOT):
            return False
    rows = await asyncio.to_thread(_make_all, sealer, name, public_url, now)
    async with storage.begin() as tx:
        # The root decides the race: it goes in first, and whoever finds one there adds nothing.
        if not await tx.authorities.put(rows[0]):
            return False
        for row in rows[1:]:
            await tx.authorities.put(row)
    return True


def check_public_url(public_url: str) -> None:
    """Raise InvalidInput unless CRL and caIssuers addresses can start with it.

    http or https, an IP address or a name of at least two labels, no user, query or fragment. Certificates carry http
    in any case (BR 7.1.2.11.2); behind https, /pki/ must also answer on port 80 of the same host.
    """
    parts = urlsplit(public_url)
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme in ("http", "https") and plain and _speaking(parts.hostname or ""):
        return
    detail = (
        f"PUBLIC_URL {public_url!r} cannot stand in certificates; give http:// or https:// with an IP address or a "
        "full host name, such as http://127.0.0.1:8080 or https://certloom.example.com."
    )
    raise InvalidInput([FieldFault(pointer="/public_url", code="public_url", detail=detail)])


def _speaking(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return "." in host.strip(".")
    return True


def _checked_name(country: str, organisation: str) -> AuthorityName:
    if not 1 <= len(organisation) <= LONGEST_ORGANISATION:
        detail = f"The CA's organisation has 1 to {LONGEST_ORGANISATION} characters."
        raise InvalidInput([FieldFault(pointer="/organisation", code="organisation", detail=detail)])
    if len(country) != 2 or not country.isascii() or not country.isupper():
        detail = "The CA's country is a code of two capital letters (ISO 3166-1), such as DE."
        raise InvalidInput([FieldFault(pointer="/country", code="country", detail=detail)])
    return AuthorityName(country, organisation)


def _make_all(sealer: Sealer, name: AuthorityName, public_url: str, now: datetime) -> list[Authority]:
    root_key = make_key(KeyFamily.ECDSA)
    root = build_root(root_key, name=name, now=now)
    rows = [_row(sealer, ROOT, root, root_key, now)]
    for family in KeyFamily:
        key = make_key(family)
        certificate = build_issuing(
            family,
            key.public_key(),
            parent=root,
            parent_key=root_key,
            name=name,
            public_url=public_url,
            now=now,
        )
        rows.append(_row(sealer, family.value, certificate, key, now))
    return rows


def _row(
    sealer: Sealer, authority_id: str, certificate: x509.Certificate, key: AuthorityKey, now: datetime
) -> Authority:
    issue = edition(authority_id, number=1, now=now)
    return Authority(
        id=authority_id,
        certificate=certificate.public_bytes(Encoding.DER),
        sealed_key=seal_key(sealer, authority_id, key),
        crl_number=issue.number,
        crl=build_crl(authority_id, certificate, key, issue=issue, revoked=()),
        crl_this_update=issue.this_update,
        crl_next_update=issue.next_update,
    )
