"""A Pebble beside a service of the lab: what operators write to sell by it, the customer's zone, what the CA says."""

import json
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import dns.message
import dns.query
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lab.pebble import LabPebble
from workers.service import LAB_SUFFIX

ISSUER: Final = "pebble"
CAA_IDENTITY: Final = "pebble.lab.test"  # the older Pebble does not tell it in its directory
SINGLE: Final = "acme-single"
WILDCARD: Final = "acme-wildcard"
MULTI: Final = "acme-multi"
ADDRESS: Final = "acme-address"
ROOMY: Final = '[{scope = "orders", count = 300, period = "3h"}, {scope = "name_set", count = 5, period = "7d"}]'

_ANSWER_WITHIN: Final = 5.0  # seconds
_PRODUCTS: Final[Sequence[Mapping[str, Any]]] = (
    {"id": SINGLE, "title": "DV by ACME, one name", "name_mode": "single"},
    {"id": WILDCARD, "title": "DV by ACME, a name and its wildcard", "name_mode": "wildcard"},
    {"id": MULTI, "title": "DV by ACME, up to 20 names", "name_mode": "multi_domain", "max_names": 20},
    {
        "id": ADDRESS,
        "title": "DV by ACME, up to 5 names and IP addresses",
        "name_mode": "multi_domain",
        "max_names": 5,
        "addresses": True,
    },
)


def write_issuers(folder: Path, pebble: LabPebble, *, limits: str = ROOMY) -> Path:
    """Write what an operator writes to sell certificates of this CA; *limits* as TOML."""
    path = folder / "issuers.toml"
    path.write_text(
        f'[{ISSUER}]\ndirectory = "{pebble.directory_url}"\nterms_agreed = true\n'
        f'caa_identities = ["{CAA_IDENTITY}"]\n'
        f'trusted_root_file = "{pebble.trusted_root_file.absolute()}"\nlimits = {limits}\n',
        encoding="utf-8",
    )
    return path


def write_catalogue(folder: Path) -> Path:
    """Write a catalogue of products that this CA signs."""
    path = folder / "catalogue.json"
    shared = {"level": "DV", "issuer": ISSUER, "price": {"amount": 1900, "currency": "EUR"}}
    path.write_text(json.dumps({"items": [{**product, **shared} for product in _PRODUCTS]}), encoding="utf-8")
    return path


def zone_form(dns_server: str, key: str) -> dict[str, Any]:
    """Return the body of POST /v1/zones for the lab's own zone; *key* is name and secret, as dev.json has it."""
    host, _, port = dns_server.rpartition(":")
    name, secret = key.split()
    settings = {"server": host, "port": int(port), "key_name": name, "algorithm": "hmac-sha256"}
    return {"zone": LAB_SUFFIX, "kind": "rfc2136", "settings": settings, "credentials": {"secret": secret}}


def texts(dns_server: str, name: str) -> frozenset[str]:
    """Ask the lab's name server for the TXT records at a name."""
    host, _, port = dns_server.rpartition(":")
    query = dns.message.make_query(name, dns.rdatatype.TXT)
    answer = dns.query.tcp(query, host, port=int(port), timeout=_ANSWER_WITHIN)
    found = (rdata for rrset in answer.answer for rdata in rrset if isinstance(rdata, dns.rdtypes.ANY.TXT.TXT))
    return frozenset(b"".join(rdata.strings).decode("ascii") for rdata in found)


class CaItself:
    """What a Pebble says by its management address and its log; believed before anything of ours."""

    def __init__(self, pebble: LabPebble) -> None:
        trust = ssl.create_default_context(cafile=str(pebble.trusted_root_file))
        self._http = httpx.Client(base_url=pebble.management_url, verify=trust, trust_env=False, timeout=_ANSWER_WITHIN)
        self._log = pebble.log

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def root(self) -> bytes:
        """Return the root of what it signs, as DER."""
        return x509.load_pem_x509_certificate(self._get("/roots/0").content).public_bytes(Encoding.DER)

    def is_revoked(self, serial: str) -> bool:
        """Ask about a certificate by its serial in hexadecimal."""
        return bool(self._get(f"/cert-status-by-serial/{serial}").json()["Status"] == "Revoked")

    def suggest(self, leaf_pem: str, start: datetime, end: datetime, *, why: str) -> None:
        """Have it say when it wants a leaf renewed (RFC 9773 section 4.2)."""
        window = {"start": start.isoformat(), "end": end.isoformat()}
        answer = json.dumps({"suggestedWindow": window, "explanationURL": why})
        form = {"Certificate": leaf_pem, "ARIResponse": answer}
        self._http.post("/set-renewal-info/", json=form).raise_for_status()

    def has_replaced(self) -> bool:
        """Whether it took an order as the replacement of an earlier one."""
        return "is a replacement of" in self._log.read_text(encoding="utf-8", errors="replace")

    def _get(self, path: str) -> httpx.Response:
        return self._http.get(path).raise_for_status()
