"""Orders at the embedded CA: one serial and one validity each, fixed before signing, for names it can have proven."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.verification import PolicyBuilder, Store

from certloom.domain.application import ValidationMethod
from certloom.domain.errors import InvalidInput, IssuerRefused, Outage
from certloom.domain.key import FAMILIES, KeyType
from certloom.domain.product import Level
from certloom.domain.validity import not_after
from certloom.issuers.interface import SignedLeaf
from certloom.issuers.private_ca import PrivateCa
from certloom.issuers.profiles import ROOT
from certloom.storage.interface import Storage
from tests.issuers.orders import END, NOW, ORGANIZATION, PUBLIC_URL, order, read, signed, spki
from tests.issuers.ready import SEALER, authority_in, ca_over, order_in

LONG_NAME = ".".join(["a" * 60, "b" * 60, "c" * 60, "d" * 46, "example", "com"])


class BrokenSealer:
    """Dies where a crash would: after the serial is fixed, before the signature."""

    def seal(self, secret: bytes, *, identity: str) -> bytes:
        raise NotImplementedError

    def unseal(self, sealed: bytes, *, identity: str) -> bytes:
        raise Outage("The process died before it signed.")

    def is_current(self, sealed: bytes) -> bool:
        return True


@pytest.mark.parametrize("key_type", KeyType)
async def test_a_leaf_verifies_up_to_the_root(storage: Storage, private_ca: PrivateCa, key_type: KeyType) -> None:
    """A server presenting leaf and chain is trusted by who trusts the root, for each of the names."""
    leaf = await signed(private_ca, order("www.example.com", "*.example.com", key_type=key_type))
    root = x509.load_der_x509_certificate((await authority_in(storage, ROOT)).certificate)
    chain = x509.load_pem_x509_certificates(leaf.chain_pem.encode())
    policy = PolicyBuilder().store(Store([root])).time(NOW + timedelta(days=1))
    for host in ("www.example.com", "shop.example.com"):
        assert policy.build_server_verifier(x509.DNSName(host)).verify(read(leaf), chain)[-1] == root


@pytest.mark.parametrize("key_type", KeyType)
async def test_a_leaf_is_signed_by_its_own_family(private_ca: PrivateCa, key_type: KeyType) -> None:
    """The whole chain below the root is of the leaf's family, and says so."""
    leaf = await signed(private_ca, order(key_type=key_type))
    kind = ec.EllipticCurvePublicKey if key_type.value.startswith("ecdsa") else rsa.RSAPublicKey
    issuing = x509.load_pem_x509_certificate(leaf.chain_pem.encode())
    assert isinstance(issuing.public_key(), kind)
    assert leaf.issuer == FAMILIES[key_type].value


async def test_validity_is_now_until_the_end_wanted(private_ca: PrivateCa) -> None:
    """A leaf begins now and ends when it was wanted to, in whole seconds."""
    leaf = await signed(private_ca, order(), not_after=END + timedelta(milliseconds=900))
    assert (leaf.not_before, leaf.not_after) == (NOW.replace(microsecond=0), END)
    assert (read(leaf).not_valid_before_utc, read(leaf).not_valid_after_utc) == (leaf.not_before, leaf.not_after)


async def test_the_longest_life_is_a_day_under_the_cap_to_the_second(private_ca: PrivateCa) -> None:
    """What the dated table allows today makes 199 days, the last second counted."""
    leaf = await signed(private_ca, order(), not_after=not_after(NOW, NOW + timedelta(days=365)))
    assert leaf.not_after - leaf.not_before + timedelta(seconds=1) == timedelta(days=199)


@pytest.mark.parametrize("end", [NOW + timedelta(days=201), NOW - timedelta(days=1)])
async def test_an_end_over_the_cap_or_past_is_refused_and_takes_no_serial(
    storage: Storage, private_ca: PrivateCa, end: object
) -> None:
    """An impossible end is refused, and the order stays as it was."""
    opened = await private_ca.begin(order(), now=NOW)
    with pytest.raises(IssuerRefused) as refused:
        await private_ca.advance(opened.order_ref, now=NOW, not_after=end)  # type: ignore[arg-type]
    assert refused.value.reason == "validity"
    assert (await order_in(storage, opened.order_ref)).serial is None


async def test_a_crash_between_serial_and_signature_keeps_the_serial(storage: Storage, private_ca: PrivateCa) -> None:
    """Who dies after fixing the serial finds it again, with its validity, however late."""
    opened = await private_ca.begin(order(), now=NOW)
    dying = ca_over(storage, sealer=BrokenSealer())
    with pytest.raises(Outage, match="died"):
        await dying.advance(opened.order_ref, now=NOW, not_after=END)
    fixed = await order_in(storage, opened.order_ref)
    later = NOW + timedelta(days=2)
    leaf = await private_ca.advance(opened.order_ref, now=later, not_after=END + timedelta(days=1))
    assert isinstance(leaf, SignedLeaf)
    assert (leaf.serial, leaf.not_before, leaf.not_after) == (fixed.serial, fixed.not_before, fixed.not_after)


@pytest.mark.parametrize("key_type", [KeyType.ECDSA_P256, KeyType.RSA_2048])
async def test_signing_twice_gives_the_same_bytes(private_ca: PrivateCa, key_type: KeyType) -> None:
    """A repeated signature is the same certificate, not a second one with the same serial."""
    opened = await private_ca.begin(order(key_type=key_type), now=NOW)
    first = await private_ca.advance(opened.order_ref, now=NOW, not_after=END)
    assert await private_ca.advance(opened.order_ref, now=NOW + timedelta(hours=1), not_after=END) == first


async def test_a_leaf_is_linted_again_before_it_is_signed(storage: Storage, private_ca: PrivateCa) -> None:
    """What was fine at `begin` and no longer is, such as a suffix taken from the settings, is not signed."""
    opened = await private_ca.begin(order("www.lab.test"), now=NOW)
    stricter = PrivateCa(storage, SEALER, public_url=PUBLIC_URL)
    with pytest.raises(IssuerRefused) as refused:
        await stricter.advance(opened.order_ref, now=NOW, not_after=END)
    assert refused.value.reason == "lint"


async def test_serials_are_random_and_written_without_zeros(private_ca: PrivateCa) -> None:
    """Serials are positive, below 2**159, long, lower-case hexadecimal, and differ."""
    leaves = [await signed(private_ca, order(key=f"order {number}")) for number in range(4)]
    assert len({leaf.serial for leaf in leaves}) == 4
    for leaf in leaves:
        assert leaf.serial == f"{read(leaf).serial_number:x}"
        assert 64 <= int(leaf.serial, 16).bit_length() < 160


async def test_the_token_of_a_name_is_kept_for_renewals_of_the_account(private_ca: PrivateCa) -> None:
    """The same account proves a name with the same token again; another account gets its own."""
    first = await private_ca.begin(order(key="first"), now=NOW)
    renewal = await private_ca.begin(order("*.www.example.com", key="renewal"), now=NOW + timedelta(days=90))
    foreign = await private_ca.begin(order(key="foreign", account_id="acct_2"), now=NOW)
    assert renewal.challenges == first.challenges
    assert foreign.challenges[0].token != first.challenges[0].token


async def test_a_dns_challenge_is_a_record_that_holds_the_token(private_ca: PrivateCa) -> None:
    """dns-01 wants a TXT record below the name, whose value is the token of at least 128 bits."""
    opened = await private_ca.begin(order("*.example.com"), now=NOW)
    (wanted,) = opened.challenges
    assert wanted.record_name == "_certloom-challenge.example.com"
    assert wanted.record_value == wanted.token
    assert len(wanted.token) >= 22


async def test_a_file_challenge_is_a_plain_address_that_holds_the_token(private_ca: PrivateCa) -> None:
    """http-01 wants a file on port 80 of the name, whose content is the token."""
    opened = await private_ca.begin(order(validation=ValidationMethod.HTTP_01), now=NOW)
    (wanted,) = opened.challenges
    assert wanted.url == f"http://www.example.com/.well-known/certloom-challenge/{wanted.token}"
    assert wanted.content == wanted.token


async def test_a_name_without_room_for_the_record_is_sent_to_the_file(private_ca: PrivateCa) -> None:
    """A name whose record name would be too long for DNS is refused with the way out, which works."""
    with pytest.raises(IssuerRefused, match="http-01"):
        await private_ca.begin(order(LONG_NAME), now=NOW)
    assert await private_ca.begin(order(LONG_NAME, validation=ValidationMethod.HTTP_01), now=NOW)


async def test_a_key_of_another_type_than_ordered_is_refused(private_ca: PrivateCa) -> None:
    """A public key that is not of the type asked for, or none at all, is refused at once."""
    for wrong in (spki(KeyType.RSA_2048), b"no key"):
        with pytest.raises(IssuerRefused) as refused:
            await private_ca.begin(order(spki=wrong), now=NOW)
        assert refused.value.reason == "key"


async def test_ev_wildcards_are_refused(private_ca: PrivateCa) -> None:
    """No EV leaf carries a star (EV Guidelines 9.8.1)."""
    with pytest.raises(IssuerRefused) as refused:
        await private_ca.begin(order("*.example.com", level=Level.EV, organization=ORGANIZATION), now=NOW)
    assert refused.value.reason == "lint"


async def test_before_it_is_set_up_the_ca_is_an_outage(fresh: Storage) -> None:
    """Without authorities an order waits for an operator instead of being refused."""
    with pytest.raises(Outage, match="set up"):
        await ca_over(fresh).begin(order(), now=NOW)


@pytest.mark.parametrize(
    "public_url",
    ["", "certs.example.com", "ftp://certs.example.com", "http://localhost:8080", "http://a.b/?x", "http://u@a.b"],
)
def test_a_public_url_that_no_certificate_can_carry_is_refused_at_start(fresh: Storage, public_url: str) -> None:
    """A PUBLIC_URL that would make every leaf fail is refused before the first, with a sentence."""
    with pytest.raises(InvalidInput, match="PUBLIC_URL"):
        ca_over(fresh, public_url=public_url)


async def test_warming_up_leaves_the_ca_as_it_was(private_ca: PrivateCa) -> None:
    """After warming up, orders go as before."""
    await private_ca.warm_up()
    assert (await signed(private_ca, order())).issuer == "ecdsa"
