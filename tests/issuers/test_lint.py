"""What may be signed: the rules of pkilint, our own, and the one narrow waiver."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certloom.domain.errors import IssuerRefused
from certloom.domain.key import KeyFamily, KeyType
from certloom.domain.product import Level
from certloom.issuers.leaves import LeafPlan, Parent, leaf_builder
from certloom.issuers.lint import Linter, warm_up
from certloom.issuers.lint_rules import Case, own_faults
from certloom.issuers.private_ca import PrivateCa
from certloom.issuers.signing import make_key, sign_certificate
from certloom.keys.interface import Sealer
from certloom.storage.interface import Storage
from tests.issuers.orders import NOW, PUBLIC_URL, order, signed, spki
from tests.issuers.ready import authority_in, order_in

START = NOW.replace(microsecond=0)


def plan(*names: str, **changes: object) -> LeafPlan:
    base = LeafPlan(
        names=names or ("www.example.com",),
        level=Level.DV,
        key_type=KeyType.ECDSA_P256,
        spki=spki(KeyType.ECDSA_P256),
        organization=None,
        serial=x509.random_serial_number(),
        not_before=START,
        not_after=START + timedelta(days=90),
    )
    return base._replace(**changes)  # type: ignore[arg-type]


@pytest.fixture
async def parent(storage: Storage) -> Parent:
    return await parent_at(storage, PUBLIC_URL)


async def parent_at(storage: Storage, public_url: str, authority_id: str = "ecdsa") -> Parent:
    row = await authority_in(storage, authority_id)
    return Parent(authority_id, x509.load_der_x509_certificate(row.certificate), public_url)


def refusal(parent: Parent, tried: LeafPlan, *, internal_suffixes: tuple[str, ...] = ("lab.test",)) -> str | None:
    """Return the sentence that refuses, or None when the leaf may be signed."""
    networks = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
    linter = Linter(public_url=parent.public_url, internal_suffixes=internal_suffixes, internal_networks=networks)
    try:
        linter.check(tried, parent)
    except IssuerRefused as refused:
        return f"{refused.reason}: {refused.detail}"
    return None


@pytest.mark.parametrize(
    "name",
    [
        "com",
        "*.com",
        "*.co.uk",
        "WWW.example.com",
        "under_score.example.com",
        "www.example.com.",
        "a.*.example.com",
        "intranet.corp",
        "localhost",
        "1.2.0.192.in-addr.arpa",
        "192.0.2.1",
        "192.168.1.5",
        "127.0.0.1",
        "fe80::1",
        "::ffff:10.0.0.1",
        "lab.test",
        "*.lab.test",
        "notlab.test",
        "xn--zzzzzz--.example.com",
    ],
)
def test_a_name_that_must_not_be_certified_blocks(parent: Parent, name: str) -> None:
    """Suffixes, internal names, addresses and names that are not in their one right form are refused."""
    assert (refusal(parent, plan(name)) or "").startswith("lint: ")


@pytest.mark.parametrize("name", ["www.example.com", "*.example.com", "xn--kln-sna.example.com", "*.x.lab.test"])
def test_a_good_name_passes(parent: Parent, name: str) -> None:
    """Public names, A-labels and names below an internal suffix may be signed, with a star or without."""
    assert refusal(parent, plan(name)) is None


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "10.1.2.3", "fd00::7"])
def test_a_good_address_passes(parent: Parent, address: str) -> None:
    """Public addresses, and those of a network that the operator opened, may be signed beside names."""
    assert refusal(parent, plan(address)) is None
    assert refusal(parent, plan("www.example.com", address)) is None


def test_an_address_as_a_dns_name_is_found(parent: Parent) -> None:
    """It would name no host, and pkilint does not see that it is an address."""
    wanted = plan("1.1.1.1")
    builder = leaf_builder(wanted, parent)
    builder._extensions = [
        item for item in builder._extensions if not isinstance(item.value, x509.SubjectAlternativeName)
    ]
    names = x509.SubjectAlternativeName([x509.DNSName("1.1.1.1")])
    leaf = sign_certificate(builder.add_extension(names, critical=True), make_key(KeyFamily.ECDSA))
    assert own_faults(Case(leaf, wanted, parent.certificate, (), ())) != []


def test_internal_names_pass_only_below_their_own_suffix(parent: Parent) -> None:
    """Without the internal suffix, the same name is refused, by pkilint's code."""
    detail = refusal(parent, plan("www.lab.test"), internal_suffixes=())
    assert detail is not None
    assert "cabf.internal_domain_name" in detail


def test_an_internal_suffix_is_no_waiver_for_others(parent: Parent) -> None:
    """A name below another internal suffix is refused by pkilint too."""
    assert "cabf.internal_domain_name" in (refusal(parent, plan("intranet.corp")) or "")


@pytest.mark.parametrize(
    "public_url", ["http://127.0.0.1:8080", "http://[::1]:8080", "http://certloom.internal", "http://192.168.1.5/certs"]
)
async def test_public_url_may_be_an_internal_address(storage: Storage, public_url: str) -> None:
    """An internal PUBLIC_URL, such as that of `make run`, keeps nothing from being signed."""
    assert refusal(await parent_at(storage, public_url), plan()) is None


async def test_another_internal_address_in_a_leaf_blocks(storage: Storage) -> None:
    """The waiver for addresses is for PUBLIC_URL's host alone."""
    linter = Linter(public_url="http://127.0.0.1:8080")
    with pytest.raises(IssuerRefused, match=r"127\.0\.0\.2"):
        linter.check(plan(), await parent_at(storage, "http://127.0.0.2:8080"))


async def test_public_urls_host_is_no_waiver_for_a_customers_name(storage: Storage) -> None:
    """A customer cannot get PUBLIC_URL's internal host certified."""
    assert refusal(await parent_at(storage, "http://certloom.internal"), plan("certloom.internal")) is not None


async def test_other_errors_in_the_addresses_still_block(storage: Storage) -> None:
    """Only internal_domain_name is waived for PUBLIC_URL; an address in no valid form blocks."""
    detail = refusal(await parent_at(storage, "http://localhost:8080"), plan())
    assert detail is not None
    assert "invalid_uri_syntax" in detail


@pytest.mark.parametrize("serial", [1, 0xFFFFFFFF, (1 << 63) - 1])
def test_a_short_serial_blocks(parent: Parent, serial: int) -> None:
    """A serial of fewer than 64 bits is refused."""
    assert "serial" in (refusal(parent, plan(serial=serial)) or "")


@pytest.mark.parametrize(
    ("start", "days"),
    [
        (datetime(2026, 11, 23, tzinfo=UTC), 200),
        (datetime(2027, 3, 15, tzinfo=UTC), 100),
        (datetime(2029, 3, 15, tzinfo=UTC), 47),
    ],
)
def test_a_second_over_the_dated_cap_blocks(parent: Parent, start: datetime, days: int) -> None:
    """The last second counts: a leaf of exactly the cap passes, one second more is refused."""
    start = max(start, START)
    last = start + timedelta(days=days) - timedelta(seconds=1)
    assert refusal(parent, plan(not_before=start, not_after=last)) is None
    over = plan(not_before=start, not_after=last + timedelta(seconds=1))
    assert f"the {days} days" in (refusal(parent, over) or "")


def test_a_leaf_must_not_outlive_its_authority(parent: Parent) -> None:
    """A leaf that would end after its authority is refused."""
    end = parent.certificate.not_valid_after_utc
    late = plan(not_before=end - timedelta(days=10), not_after=end + timedelta(seconds=1))
    assert "outlive" in (refusal(parent, late) or "")


async def test_a_key_of_another_family_blocks(storage: Storage) -> None:
    """An ECDSA key under the RSA authority is refused."""
    assert "family" in (refusal(await parent_at(storage, PUBLIC_URL, "rsa"), plan()) or "")


def test_a_repeated_name_blocks(parent: Parent) -> None:
    """A name that stands twice is refused."""
    assert "twice" in (refusal(parent, plan("www.example.com", "www.example.com")) or "")


def test_client_authentication_is_found(parent: Parent) -> None:
    """A leaf that could also authenticate clients is refused."""
    wanted = plan()
    builder = leaf_builder(wanted, parent)
    builder._extensions = [item for item in builder._extensions if not isinstance(item.value, x509.ExtendedKeyUsage)]
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    leaf = sign_certificate(builder.add_extension(usage, critical=False), make_key(KeyFamily.ECDSA))
    assert own_faults(Case(leaf, wanted, parent.certificate, ())) != []


@pytest.mark.parametrize(
    "ordered",
    [{"names": ("other.example.com",)}, {"spki": spki(KeyType.ECDSA_P384), "key_type": KeyType.ECDSA_P384}],
)
def test_a_leaf_that_is_not_what_was_ordered_is_found(parent: Parent, ordered: dict[str, object]) -> None:
    """Other names or another key than the order's are refused."""
    wanted = plan()
    leaf = sign_certificate(leaf_builder(wanted, parent), make_key(KeyFamily.ECDSA))
    assert own_faults(Case(leaf, wanted, parent.certificate, ())) == []
    assert own_faults(Case(leaf, wanted._replace(**ordered), parent.certificate, ())) != []  # type: ignore[arg-type]


def test_warming_up_may_be_repeated() -> None:
    """Warming up works at any time, any number of times."""
    warm_up()
    warm_up()


async def test_the_whole_ca_works_at_the_address_of_make_run(storage: Storage, sealer: Sealer) -> None:
    """With PUBLIC_URL on loopback, as under `make run`, a lab name is signed."""
    local = PrivateCa(storage, sealer, public_url="http://127.0.0.1:8080", internal_suffixes=["lab.test"])
    leaf = await signed(local, order("shop.lab.test", "*.shop.lab.test"))
    assert leaf.issuer == "ecdsa"


async def test_a_name_that_will_never_be_signed_is_refused_before_anything_is_kept(
    storage: Storage, private_ca: PrivateCa
) -> None:
    """A refusal comes at `begin`, before the customer proves anything, and leaves its key free."""
    with pytest.raises(IssuerRefused):
        await private_ca.begin(order("*.co.uk"), now=NOW)
    kept = await private_ca.begin(order("www.example.co.uk"), now=NOW)
    assert (await order_in(storage, kept.order_ref)).names == ("www.example.co.uk",)
