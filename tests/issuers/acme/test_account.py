"""Our account at a CA: one key for ever, made before the CA hears of it, and never in a request."""

import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.b64 import b64decode, b64encode
from pydantic import SecretBytes

from certloom.domain.errors import IssuerRefused, Outage
from certloom.issuers.acme import AcmeIssuer
from certloom.issuers.acme_account import binding
from certloom.issuers.acme_network import signer_of
from certloom.storage.interface import Storage
from certloom.storage.records import AcmeAccount
from tests.issuers.acme.fake_ca import FakeCa, Fault, saying
from tests.issuers.acme.pebbles import NEW, OLD, Pebbles, issuer_at
from tests.issuers.orders import NOW, order, signed

KEY = b"an hmac key of 32 bytes and more"
BINDING = {"eab_key_id": "kid-1", "eab_key_file": Path("kid-1.key"), "eab_key": SecretBytes(KEY)}


async def account_of(storage: Storage) -> AcmeAccount:
    async with storage.read() as tx:
        (account,) = await tx.acme.accounts()
    return account


async def test_the_key_is_kept_before_the_ca_is_asked(ca: FakeCa, issuer: AcmeIssuer, storage: Storage) -> None:
    """With a CA that cannot be reached there is a key already, and no account."""
    ca.fail("new-account", Fault())
    with pytest.raises(Outage):
        await issuer.begin(order(), now=NOW)
    assert (await account_of(storage)).url is None


async def test_the_key_is_sealed(ca: FakeCa, issuer: AcmeIssuer, storage: Storage) -> None:
    """The row holds nothing that opens as a key."""
    await issuer.begin(order(), now=NOW)
    account = await account_of(storage)
    assert account.url in ca.accounts
    x = ca.accounts[account.url]["x"]
    assert x.encode() not in account.sealed_key


async def test_every_process_has_the_same_account(ca: FakeCa, storage: Storage) -> None:
    """A second process finds the account, and registers nothing."""
    for key in ("one", "two"):
        with issuer_at(ca, storage) as issuer:
            await signed(issuer, order(key=key))
    assert (ca.seen["new-account"], len(ca.accounts)) == (1, 1)


async def lose_address(storage: Storage) -> str:
    """Forget where the account is, and keep its key."""
    known = await account_of(storage)
    async with storage.begin() as tx:
        await tx.acme.set_account_url(known.issuer, known.directory, old=known.url, new=None)
    return known.url or ""


@pytest.mark.parametrize("status", [200, 409])
async def test_an_account_whose_address_was_lost_is_found_by_its_key(ca: FakeCa, storage: Storage, status: int) -> None:
    """Without its URL the same key gets the same account again, also from servers that answer with a conflict."""
    with issuer_at(ca, storage) as issuer:
        await issuer.begin(order(key="one"), now=NOW)
    known = await lose_address(storage)
    if status == 409:
        ca.fail("new-account", saying("malformed", 409, headers={"Location": known}))
    with issuer_at(ca, storage) as issuer:
        await issuer.begin(order(key="two"), now=NOW)
    assert (await account_of(storage)).url == known


async def test_another_directory_is_another_account(ca: FakeCa, storage: Storage) -> None:
    """An issuer that moves from a CA's test service to the real one does not take its key along."""
    for path in ("directory", "directory/other"):
        with issuer_at(ca, storage, directory=f"{ca.url}/{path}") as issuer:
            await issuer.begin(order(key=path), now=NOW)
    assert len(ca.accounts) == 2


async def test_terms_have_to_be_agreed_to(ca: FakeCa, storage: Storage) -> None:
    """A CA with terms is not asked before an operator agreed, and the sentence says so."""
    ca.meta["termsOfService"] = "https://ca.example.net/terms"
    with issuer_at(ca, storage, terms_agreed=False) as issuer, pytest.raises(IssuerRefused, match="terms_agreed"):
        await issuer.begin(order(), now=NOW)
    assert ca.seen["new-account"] == 0


async def test_a_missing_binding_is_told(ca: FakeCa, storage: Storage) -> None:
    """A CA that wants an external account is not asked without one."""
    ca.meta["externalAccountRequired"] = True
    with issuer_at(ca, storage) as issuer, pytest.raises(IssuerRefused, match="eab_key_id") as refused:
        await issuer.begin(order(), now=NOW)
    assert refused.value.reason == "externalAccountRequired"


async def test_a_binding_has_the_public_key_alone(ca: FakeCa, storage: Storage) -> None:
    """Nothing that leaves for a new account holds the private part of its key."""
    with issuer_at(ca, storage, **BINDING) as issuer:
        await issuer.begin(order(), now=NOW)
    (sent,) = [body for resource, body in ca.bodies if resource == "new-account"]
    inner = json.loads(b64decode(sent["externalAccountBinding"]["payload"]))
    (account,) = ca.accounts.values()
    assert inner == account
    assert set(inner) == {"kty", "crv", "x", "y"}


def test_a_binding_never_has_a_private_key() -> None:
    """Even a signer with its private key is bound by the public one."""
    made = binding(signer_of(ec.generate_private_key(ec.SECP256R1())), "kid", KEY, "https://ca.example.net/new")
    assert b'"d"' not in b64decode(made["payload"])


@pytest.mark.parametrize("kind", [OLD, NEW])
async def test_pebble_takes_the_binding(pebbles: Pebbles, storage: Storage, kind: str) -> None:
    """A real CA that requires a binding accepts ours, and signs."""
    pebble = await pebbles.get(kind, binding_keys={"kid-1": b64encode(KEY).decode()})
    with issuer_at(pebble, storage, **BINDING) as issuer:
        assert await signed(issuer, order())


async def test_requests_tell_who_we_are(ca: FakeCa, issuer: AcmeIssuer) -> None:
    """The User-Agent names the product and its library (RFC 8555 section 6.1)."""
    await issuer.begin(order(), now=NOW)
    assert re.fullmatch(r"Certloom/\S+ acme-python/\S+", ca.agents.pop())
    assert not ca.agents
