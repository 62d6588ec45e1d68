"""No private key, password or PEM reaches Temporal, and no unsealed key our own database."""

import base64
import io
import zipfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from temporalio.client import Client

from lab.edge import CRT_LIST, LabEdge
from tests.e2e.stack import JSON, Customer, stack

PASSWORD = "planted-password-7391"
LABEL = "planted-label-7391"
CONTACT = "planted-contact-7391"
NOTE = "planted-note-7391"
SECRET = "planted-access-secret-7391"
NAME = "secret.shop.lab.test"
NOWHERE = "http://127.0.0.1:9"  # the cloud: nobody listens, so every call fails with all that it carries


def upload() -> tuple[str, str]:
    """Return a certificate from elsewhere and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = x509.Name([])
    leaf = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name.from_rfc4514_string("CN=Elsewhere"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=60))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("up.example.com")]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return leaf.public_bytes(Encoding.PEM).decode(), pem


def traces(pem: str) -> Iterator[bytes]:
    """Every form in which a private key would be found: the number, its DER, and both in base64 lines."""
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    number = key.private_numbers().private_value
    yield number.to_bytes(32, "big")
    yield f"{number:x}".encode()
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        der = key.private_bytes(Encoding.DER, form, NoEncryption())
        yield der
        yield base64.b64encode(der)[8:56]


async def live(customer: Customer) -> tuple[list[str], list[str]]:
    """Do everything that carries a secret; return the certificates and their private keys."""
    leaf, key = upload()
    brought = await customer.call(
        "POST", "/v1/uploads", {"label": LABEL, "certificate": leaf, "private_key": key}, key="upload"
    )
    assert brought.status_code == 201, brought.text
    bought = await customer.call(
        "POST", "/v1/certificates", {"product": "ov", "label": LABEL, "payment": {"method": "balance"}}, key="buy"
    )
    ids = [brought.json()["id"], bought.json()["id"]]
    await apply(customer, ids[1])
    return ids, [key]


async def apply(customer: Customer, certificate_id: str) -> None:
    form: JSON = {
        "names": [NAME],
        "validation": "dns-01",
        "key": {"type": "ecdsa-p256"},
        "contact": {"name": CONTACT, "email": f"{CONTACT}@example.com"},
        "organization": {"name": "Example GmbH", "country": "DE", "state": "Berlin", "locality": "Berlin"},
    }
    applied = await customer.call("POST", f"/v1/certificates/{certificate_id}/application", form)
    assert applied.status_code == 202, applied.text
    await customer.until(certificate_id, lambda view: view["phase"] == "proving")
    await customer.call("POST", "/v1/lab/proofs", {"certificate_id": certificate_id})


async def finish(customer: Customer, operator: Customer, certificate_id: str) -> httpx.Response:
    """Have it reviewed and issued, and download it with a password."""
    view = await customer.view(certificate_id)
    decision = {"application_id": view["application"]["id"], "decision": "approve", "note": NOTE}
    reviewed = await operator.call("POST", f"/v1/certificates/{certificate_id}/review", decision)
    assert reviewed.status_code == 200, reviewed.text
    await customer.until(certificate_id, lambda view: view["status"] == "issued")
    form = {"format": "tomcat", "password": PASSWORD}
    return await customer.call("POST", f"/v1/certificates/{certificate_id}/download", form)


async def deploy(customer: Customer, certificate_id: str, edge: LabEdge) -> tuple[list[str], str]:
    """Deploy to an edge, and where it fails: at a cloud and over SSH. Return the deployments and a key."""
    ssh_key = upload()[1]
    at_edge = {"address": "127.0.0.1", "port": edge.admin_port, "file": "/certs/a.pem", "crt_list": CRT_LIST}
    host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmKXJyqJHNMTDVWnI8MVt6jPnFEWUgGlTJqFJ3pPcfB"
    kinds: dict[str, JSON] = {
        "haproxy_tcp": {"settings": at_edge},
        "alibaba_cdn": {
            "settings": {"domain": NAME},
            "credentials": {"access_key_id": "planted", "access_key_secret": SECRET},
        },
        "nginx_ssh": {
            "settings": {"address": "127.0.0.1", "port": 9, "user": "a", "host_key": host_key, "folder": "/etc/a"},
            "credentials": {"private_key": ssh_key},
        },
    }
    ids = []
    for kind, form in kinds.items():
        endpoint = {"host": NAME, "port": edge.tls_port if kind == "haproxy_tcp" else 9}
        whole = {"name": kind, "kind": kind, "endpoints": [endpoint], "prove_within": 1, **form}
        answer = await customer.call("POST", "/v1/targets", whole, key=f"target-{kind}")
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["id"])
        await customer.call("POST", f"/v1/targets/{ids[-1]}/test")
    path = f"/v1/certificates/{certificate_id}/deployments"
    begun = (await customer.call("POST", path, {"targets": ids}, key="deploy")).json()["items"]
    await customer.until(certificate_id, lambda view: all(not one["deployment_id"] for one in view["placements"]))
    return [one["id"] for one in begun], ssh_key


@pytest.fixture
async def remains(tmp_path: Path) -> AsyncIterator[tuple[Path, list[str], bytes]]:
    """A service after a life with secrets: its folder, the secrets' keys, and every exported history."""
    home = tmp_path / "home"
    cloud = dict.fromkeys(("alibaba_cdn_endpoint", "alibaba_cas_endpoint"), NOWHERE)
    async with (
        LabEdge() as edge,
        stack(home, **cloud) as (running, seed, api),
        httpx.AsyncClient(base_url=api, timeout=30) as http,
    ):
        customer, operator = Customer(http, seed.customer_api_key), Customer(http, seed.operator_api_key)
        ids, keys = await live(customer)
        downloaded = await finish(customer, operator, ids[1])
        assert downloaded.status_code == 200, downloaded.text
        plain = await customer.call("POST", f"/v1/certificates/{ids[1]}/download", {"format": "pkcs8"})
        keys.append(private_key_in(plain.content))
        begun, ssh_key = await deploy(customer, ids[1], edge)
        keys.append(ssh_key)
        workflows = [f"certificate-{one}" for one in ids] + [f"deployment-{one}" for one in begun]
        exported = await histories(f"127.0.0.1:{running._ports['temporal']}", workflows)
        yield home, keys, exported


def private_key_in(bundle: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".key"))
        return archive.read(name).decode()


async def histories(address: str, ids: list[str]) -> bytes:
    """Export as an operator does who has no key."""
    client = await Client.connect(address)
    found = [await client.get_workflow_handle(one).fetch_history() for one in ids]
    return "\n".join(history.to_json() for history in found).encode()


def stored(home: Path, name: str) -> bytes:
    return b"".join(path.read_bytes() for path in home.glob(f"{name}*"))


async def test_no_secret_is_found_anywhere(remains: tuple[Path, list[str], bytes]) -> None:
    """No key in any form is in Temporal, our database or a log; what people typed is sealed in Temporal."""
    home, keys, exported = remains
    database, logs = stored(home, "certloom.db"), b"".join(path.read_bytes() for path in (home / "log").iterdir())
    temporal = stored(home, "temporal.db") + exported
    private = [trace for key in keys for trace in traces(key)]
    typed = [words.encode() for words in (PASSWORD, CONTACT, NOTE, LABEL, SECRET, "-----BEGIN")]

    assert not [secret for secret in (*private, *typed) if secret in temporal]
    assert not [secret for secret in (*private, b"PRIVATE KEY", SECRET.encode()) if secret in database]
    assert not [secret for secret in (*private, PASSWORD.encode(), SECRET.encode()) if secret in logs]
    sealed = exported.count(b"binary/certloom-sealed") + exported.count(b"YmluYXJ5L2NlcnRsb29tLXNlYWxlZA")
    assert sealed > 10  # what was searched is the real thing: histories of both certificates
