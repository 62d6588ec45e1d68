"""What a CA itself says of its orders and certificates: tests believe it, and not our tables."""

import json
import ssl
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certloom.issuers.acme import AcmeIssuer
from certloom.issuers.acme_replies import AcmeOrderBody, Reply
from lab.pebble import LabPebble
from tests.issuers.orders import NOW


async def orders_at(issuer: AcmeIssuer, names: tuple[str, ...]) -> list[AcmeOrderBody]:
    """Ask which orders for just these names our account has."""
    client, signer = issuer._client, await issuer._accounts.signer(now=NOW)
    account = await client.post(signer.account_url or "", None, signer, now=NOW)
    page: str | None = _json(account)["orders"]
    found = []
    while page:
        reply = await client.post(page, None, signer, now=NOW)
        for url in _json(reply)["orders"]:
            body = (await client.post(url, None, signer, now=NOW)).read(AcmeOrderBody)
            if {item.value for item in body.identifiers} == set(names):
                found.append(body)
        link = reply.headers.get("Link", "")
        page = next((part.split(">")[0].strip(" <") for part in link.split(",") if 'rel="next"' in part), None)
    return found


async def key_of(issuer: AcmeIssuer, body: AcmeOrderBody) -> bytes:
    """Ask for the certificate of an order, and return its key."""
    key = (await _leaf_of(issuer, body)).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


async def serial_of(issuer: AcmeIssuer, body: AcmeOrderBody) -> str:
    """Ask for the certificate of an order, and return its serial; an empty text when there is none."""
    return f"{(await _leaf_of(issuer, body)).serial_number:x}" if body.certificate else ""


async def _leaf_of(issuer: AcmeIssuer, body: AcmeOrderBody) -> x509.Certificate:
    signer = await issuer._accounts.signer(now=NOW)
    reply = await issuer._client.post(body.certificate or "", None, signer, now=NOW)
    return x509.load_pem_x509_certificates(reply.body)[0]


async def status_at(pebble: LabPebble, serial: str) -> dict[str, Any]:
    """Ask Pebble's own management about a serial."""
    trust = ssl.create_default_context(cafile=str(pebble.trusted_root_file))
    async with httpx.AsyncClient(verify=trust, trust_env=False) as http:
        found: dict[str, Any] = (await http.get(f"{pebble.management_url}/cert-status-by-serial/{serial}")).json()
        return found


def _json(reply: Reply) -> Any:
    return json.loads(reply.body)
