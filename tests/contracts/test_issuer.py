"""What every issuer promises, whatever signs behind it: asked twice, it answers once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certloom.domain.application import ValidationMethod
from certloom.domain.errors import IssuerRefused
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyType
from certloom.issuers.fake import FakeIssuer
from certloom.issuers.interface import Issuer, OrderRequest, SignedLeaf
from tests.issuers.acme.pebbles import NEW, OLD, Pebbles, issuer_at, pebbles_in
from tests.issuers.orders import END, NOW, finished, order, read, signed, spki, to_revoke
from tests.issuers.ready import READY, ca_over, copied, lay_out

LATER = NOW + timedelta(hours=3)


@pytest.fixture(scope="module")
async def databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return await lay_out(tmp_path_factory.mktemp("issuers"))


@pytest.fixture(scope="module")
async def pebbles(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pebbles]:
    async with pebbles_in(tmp_path_factory.mktemp("pebbles")) as found:
        yield found


@pytest.fixture(params=["private", "fake", OLD, NEW])
async def issuer(
    request: pytest.FixtureRequest, databases: Path, tmp_path: Path, pebbles: Pebbles
) -> AsyncIterator[Issuer]:
    if request.param == "fake":
        yield FakeIssuer()
        return
    async with copied(databases / READY, tmp_path) as storage:
        if request.param == "private":
            yield ca_over(storage)
            return
        with issuer_at(await pebbles.get(request.param), storage) as acme:
            yield acme


@pytest.fixture(params=["private", "fake"])
async def own(request: pytest.FixtureRequest, databases: Path, tmp_path: Path) -> AsyncIterator[Issuer]:
    """Issuers that are not `outside`: they sign by the clock and for the time that they are given."""
    if request.param == "fake":
        yield FakeIssuer()
        return
    async with copied(databases / READY, tmp_path) as storage:
        yield ca_over(storage)


async def test_begin_with_the_same_key_is_the_same_order(issuer: Issuer) -> None:
    """A repeated begin returns the order and the challenges of the first."""
    first = await issuer.begin(order("www.example.com", "example.com"), now=NOW)
    assert await issuer.begin(order("www.example.com", "example.com"), now=LATER) == first


async def test_begin_at_once_is_one_order(issuer: Issuer) -> None:
    """Callers that begin at the same time with one key share one order and its tokens."""
    opened = await asyncio.gather(*(issuer.begin(order(), now=NOW) for _ in range(4)))
    assert all(item == opened[0] for item in opened)


async def test_begin_with_another_key_is_another_order(issuer: Issuer) -> None:
    """The same names under another key are a new order."""
    first = await issuer.begin(order(key="one"), now=NOW)
    assert (await issuer.begin(order(key="two"), now=NOW)).order_ref != first.order_ref


@pytest.mark.parametrize("other", [order("other.example.com"), order(key_type=KeyType.ECDSA_P384)])
async def test_a_key_that_was_used_for_another_order_is_refused(issuer: Issuer, other: OrderRequest) -> None:
    """An idempotency key never stands for two different requests."""
    await issuer.begin(order(), now=NOW)
    with pytest.raises(IssuerRefused) as refused:
        await issuer.begin(other, now=NOW)
    assert refused.value.reason == "order_mismatch"


async def test_a_request_that_was_signed_anew_is_the_same_order(issuer: Issuer) -> None:
    """A repeated begin brings the same key and names in a signing request with another signature."""
    first, again = order(), order()
    assert first.csr_pem != again.csr_pem
    assert await issuer.begin(first, now=NOW) == await issuer.begin(again, now=NOW)


async def test_every_challenge_is_for_a_name_and_method_that_was_ordered(issuer: Issuer) -> None:
    """What has to be published proves what was ordered, in the way that was ordered."""
    opened = await issuer.begin(order("example.com", "www.example.com"), now=NOW)
    assert [item.name for item in opened.challenges] == ["example.com", "www.example.com"]
    assert {item.type for item in opened.challenges} == {ValidationMethod.DNS_01}


async def test_there_is_one_challenge_per_base_name(own: Issuer) -> None:
    """A name and the wildcard above it are proven once."""
    opened = await own.begin(order("example.com", "*.example.com", "www.example.com"), now=NOW)
    assert [item.name for item in opened.challenges] == ["example.com", "www.example.com"]


async def test_a_wildcard_cannot_be_proven_by_a_file(issuer: Issuer) -> None:
    """http-01 for a wildcard is refused with the method that works."""
    with pytest.raises(IssuerRefused, match="dns-01"):
        await issuer.begin(order("*.example.com", validation=ValidationMethod.HTTP_01), now=NOW)


async def test_addresses_are_proven_by_files_and_certified_as_what_they_are(issuer: Issuer) -> None:
    """Beside names and in any order, each with a URL that a client can ask, and as an iPAddress in the leaf."""
    names = ("1.1.1.1", "www.example.com", "2606:4700::1111")
    request = order(*names, validation=ValidationMethod.HTTP_01)
    opened = await issuer.begin(request, now=NOW)
    hosts = {item.name: (item.url or "").split("/")[2] for item in opened.challenges}
    assert hosts == {"1.1.1.1": "1.1.1.1", "www.example.com": "www.example.com", "2606:4700::1111": "[2606:4700::1111]"}
    sans = read(await finished(issuer, opened.order_ref)).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert sorted(str(one) for one in sans.value.get_values_for_type(x509.IPAddress)) == ["1.1.1.1", "2606:4700::1111"]
    assert sans.value.get_values_for_type(x509.DNSName) == ["www.example.com"]


async def test_an_address_cannot_be_proven_by_a_record(issuer: Issuer) -> None:
    """dns-01 for an address is refused with the method that works."""
    with pytest.raises(IssuerRefused, match="http-01"):
        await issuer.begin(order("www.example.com", "1.1.1.1"), now=NOW)


async def test_a_public_key_that_is_none_is_refused(issuer: Issuer) -> None:
    """What is not a key of the type ordered is refused at begin."""
    with pytest.raises(IssuerRefused):
        await issuer.begin(order(spki=b"no key"), now=NOW)


@pytest.mark.parametrize("key_type", [KeyType.ECDSA_P384, KeyType.RSA_2048])
async def test_what_is_told_of_a_leaf_is_what_it_says(issuer: Issuer, key_type: KeyType) -> None:
    """Serial, fingerprint, key, validity and names are those of the certificate."""
    leaf = await signed(issuer, order("www.example.com", "example.com", key_type=key_type))
    inside = read(leaf)
    assert leaf.serial == f"{inside.serial_number:x}"
    assert leaf.fingerprint_sha256 == inside.fingerprint(hashes.SHA256()).hex()
    key = inside.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert (key, leaf.spki_sha256) == (spki(key_type), sha256(key).hexdigest())
    assert (leaf.not_before, leaf.not_after) == (inside.not_valid_before_utc, inside.not_valid_after_utc)
    names = inside.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(names.get_values_for_type(x509.DNSName)) == ["example.com", "www.example.com"]


async def test_the_chain_signed_the_leaf_and_ends_before_the_root(issuer: Issuer) -> None:
    """The chain starts with who signed the leaf and holds no self-signed certificate."""
    leaf = await signed(issuer, order())
    chain = x509.load_pem_x509_certificates(leaf.chain_pem.encode())
    read(leaf).verify_directly_issued_by(chain[0])
    assert all(certificate.issuer != certificate.subject for certificate in chain)


async def test_a_leaf_ends_no_later_than_wanted(own: Issuer) -> None:
    """The validity lies between now and the end that was wanted."""
    leaf = await signed(own, order())
    assert NOW - timedelta(seconds=1) < leaf.not_before <= NOW
    assert leaf.not_after <= END


async def test_the_same_order_yields_the_same_leaf(issuer: Issuer) -> None:
    """A repeated advance returns the leaf of the first, later or at the same time."""
    opened = await issuer.begin(order(), now=NOW)
    first = await asyncio.gather(
        *(finished(issuer, opened.order_ref) for _ in range(4)),
    )
    again = await issuer.advance(opened.order_ref, now=LATER, not_after=END + timedelta(days=3))
    assert isinstance(again, SignedLeaf)
    assert all(leaf == again for leaf in first)


async def test_two_orders_have_two_serials(issuer: Issuer) -> None:
    """No serial is given twice."""
    leaves = [await signed(issuer, order(key=key)) for key in ("one", "two")]
    assert leaves[0].serial != leaves[1].serial


async def test_an_unknown_order_is_refused(issuer: Issuer) -> None:
    """An order that was never placed cannot be advanced."""
    with pytest.raises(IssuerRefused):
        await issuer.advance("order_unknown", now=NOW, not_after=END)


async def test_an_abandoned_order_is_never_signed(issuer: Issuer) -> None:
    """An abandoned order is refused for good, and abandoning again is silent."""
    opened = await issuer.begin(order(), now=NOW)
    for _ in range(2):
        assert await issuer.abandon(opened.order_ref, now=NOW)
    with pytest.raises(IssuerRefused):
        await issuer.advance(opened.order_ref, now=NOW, not_after=END)


async def test_abandoning_what_is_signed_or_unknown_is_silent(issuer: Issuer) -> None:
    """A signed order stays signed, and an unknown one is no error; of neither it is said that there is no leaf."""
    opened = await issuer.begin(order(), now=NOW)
    leaf = await finished(issuer, opened.order_ref)
    assert not await issuer.abandon(opened.order_ref, now=NOW)
    assert not await issuer.abandon("order_unknown", now=NOW)
    assert await issuer.advance(opened.order_ref, now=NOW, not_after=END) == leaf


async def test_a_revocation_may_be_repeated(issuer: Issuer) -> None:
    """Revoking again, also for another reason, is confirmed."""
    leaf = await signed(issuer, order())
    for reason in (RevocationReason.SUPERSEDED, RevocationReason.SUPERSEDED, RevocationReason.KEY_COMPROMISE):
        await issuer.revoke(to_revoke(leaf, reason), now=LATER)


async def test_a_leaf_that_was_never_signed_is_not_revoked(issuer: Issuer) -> None:
    """A serial that the issuer did not give is refused."""
    leaf = await signed(issuer, order())
    with pytest.raises(IssuerRefused):
        await issuer.revoke(to_revoke(leaf).model_copy(update={"serial": "1234567890abcdef0"}), now=LATER)
