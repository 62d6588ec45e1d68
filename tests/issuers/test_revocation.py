"""Revocation: what the CRL says, to us and to OpenSSL, and that its number only grows."""

import asyncio
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certloom.domain.errors import IssuerRefused
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import KeyFamily, KeyType
from certloom.domain.product import Level
from certloom.issuers.authorities import create_authorities
from certloom.issuers.crls import LEAVES_TERM
from certloom.issuers.interface import SignedLeaf
from certloom.issuers.leaves import POLICIES
from certloom.issuers.private_ca import PrivateCa
from certloom.issuers.profiles import ISSUING, ROOT
from certloom.issuers.revocation_lists import refresh_crls
from certloom.keys.interface import Sealer
from certloom.storage.interface import Storage
from tests.issuers.orders import END, NOW, ORGANIZATION, PUBLIC_URL, order, read, signed, to_revoke
from tests.issuers.ready import authority_in, ca_over

OPENSSL = shutil.which("openssl")
LATER = NOW + timedelta(hours=2)

needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="the openssl command is not installed")


async def crl_of(storage: Storage, authority_id: str = "ecdsa") -> x509.CertificateRevocationList:
    der = (await authority_in(storage, authority_id)).crl
    assert der is not None
    return x509.load_der_x509_crl(der)


def number_of(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def reason_of(crl: x509.CertificateRevocationList, leaf: SignedLeaf) -> x509.ReasonFlags | None:
    entry = crl.get_revoked_certificate_by_serial_number(int(leaf.serial, 16))
    assert entry is not None
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return None


async def openssl_verifies(storage: Storage, leaf: SignedLeaf, at: datetime, folder: Path, *more: str) -> str:
    """Return what `openssl verify` says about the leaf, every CRL of the chain checked."""
    authorities = {name: await authority_in(storage, name) for name in (ROOT, *ISSUING)}
    lists = [x509.load_der_x509_crl(row.crl).public_bytes(Encoding.PEM) for row in authorities.values() if row.crl]
    root = x509.load_der_x509_certificate(authorities[ROOT].certificate)
    (folder / "leaf.pem").write_text(leaf.leaf_pem)
    (folder / "chain.pem").write_text(leaf.chain_pem)
    (folder / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (folder / "crls.pem").write_bytes(b"".join(lists))
    how = ["-x509_strict", "-crl_check_all", "-purpose", "sslserver", "-attime", str(int(at.timestamp()))]
    files = ["-CAfile", "root.pem", "-untrusted", "chain.pem", "-CRLfile", "crls.pem", "leaf.pem"]
    ran = await asyncio.create_subprocess_exec(
        str(OPENSSL), "verify", *how, *more, *files, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(ran.communicate(), timeout=30)
    return said.decode()


@needs_openssl
@pytest.mark.parametrize("key_type", [KeyType.ECDSA_P256, KeyType.RSA_2048])
async def test_openssl_accepts_a_good_leaf_and_refuses_a_revoked_one(
    storage: Storage, private_ca: PrivateCa, tmp_path: Path, key_type: KeyType
) -> None:
    """With all CRLs checked, OpenSSL trusts a leaf until it is revoked, and its neighbour still."""
    leaf = await signed(private_ca, order(key="one", key_type=key_type))
    neighbour = await signed(private_ca, order(key="two", key_type=key_type))
    assert await openssl_verifies(storage, leaf, LATER, tmp_path) == "leaf.pem: OK\n"
    await private_ca.revoke(to_revoke(leaf), now=LATER)
    assert "certificate revoked" in await openssl_verifies(storage, leaf, LATER, tmp_path)
    assert await openssl_verifies(storage, neighbour, LATER, tmp_path) == "leaf.pem: OK\n"


@needs_openssl
@pytest.mark.parametrize("level", Level)
async def test_openssl_finds_the_policy_of_each_level_in_the_whole_chain(
    storage: Storage, private_ca: PrivateCa, tmp_path: Path, level: Level
) -> None:
    """A client that insists on a level's policy accepts a leaf of that level."""
    leaf = await signed(private_ca, order(level=level, organization=ORGANIZATION))
    wanted = ("-explicit_policy", "-policy", POLICIES[level].dotted_string)
    assert await openssl_verifies(storage, leaf, LATER, tmp_path, *wanted) == "leaf.pem: OK\n"


@pytest.mark.parametrize(
    ("reason", "flag"),
    [
        (RevocationReason.UNSPECIFIED, None),
        (RevocationReason.KEY_COMPROMISE, x509.ReasonFlags.key_compromise),
        (RevocationReason.AFFILIATION_CHANGED, x509.ReasonFlags.affiliation_changed),
        (RevocationReason.SUPERSEDED, x509.ReasonFlags.superseded),
        (RevocationReason.CESSATION_OF_OPERATION, x509.ReasonFlags.cessation_of_operation),
        (RevocationReason.PRIVILEGE_WITHDRAWN, x509.ReasonFlags.privilege_withdrawn),
    ],
)
async def test_the_crl_gives_the_reason(
    storage: Storage, private_ca: PrivateCa, reason: RevocationReason, flag: x509.ReasonFlags | None
) -> None:
    """Each reason has its code in the CRL, and an unspecified one has none."""
    leaf = await signed(private_ca, order())
    await private_ca.revoke(to_revoke(leaf, reason), now=LATER)
    assert reason_of((await crl_of(storage)), leaf) == flag


async def test_an_entry_is_dated_when_the_revocation_was_decided(storage: Storage, private_ca: PrivateCa) -> None:
    """The CRL holds the moment of the request, not of the signature."""
    leaf = await signed(private_ca, order())
    await private_ca.revoke(to_revoke(leaf, revoked_at=NOW + timedelta(minutes=5)), now=LATER)
    entry = (await crl_of(storage)).get_revoked_certificate_by_serial_number(int(leaf.serial, 16))
    assert entry is not None
    assert entry.revocation_date_utc == NOW.replace(microsecond=0) + timedelta(minutes=5)


async def test_a_repeated_revocation_signs_nothing_new(storage: Storage, private_ca: PrivateCa) -> None:
    """A leaf that the CRL lists is confirmed as it is."""
    leaf = await signed(private_ca, order())
    await private_ca.revoke(to_revoke(leaf), now=LATER)
    first = await crl_of(storage)
    await private_ca.revoke(to_revoke(leaf), now=LATER + timedelta(hours=1))
    assert (await crl_of(storage)) == first


async def test_a_later_compromise_replaces_a_milder_reason(storage: Storage, private_ca: PrivateCa) -> None:
    """A key that turns out compromised is listed as such, and never as less again."""
    leaf = await signed(private_ca, order())
    for reason in (RevocationReason.SUPERSEDED, RevocationReason.KEY_COMPROMISE, RevocationReason.SUPERSEDED):
        await private_ca.revoke(to_revoke(leaf, reason), now=LATER)
    assert reason_of((await crl_of(storage)), leaf) is x509.ReasonFlags.key_compromise
    assert number_of(await crl_of(storage)) == 3


async def test_revoking_at_the_same_time_loses_no_entry_and_repeats_no_number(
    storage: Storage, neighbour: Storage, private_ca: PrivateCa
) -> None:
    """Eight revocations at once, by two processes, make eight editions, the last of which lists all."""
    leaves = [await signed(private_ca, order(key=f"order {number}")) for number in range(8)]
    rivals = [private_ca, ca_over(neighbour)]
    await asyncio.gather(*(rivals[turn % 2].revoke(to_revoke(leaf), now=LATER) for turn, leaf in enumerate(leaves)))
    assert {entry.serial_number for entry in (await crl_of(storage))} == {read(leaf).serial_number for leaf in leaves}
    assert number_of(await crl_of(storage)) == 1 + len(leaves)


async def test_an_edition_never_claims_to_be_older_than_the_one_before(storage: Storage, private_ca: PrivateCa) -> None:
    """A worker whose clock is behind does not turn the CRL back."""
    one, two = [await signed(private_ca, order(key=key)) for key in ("one", "two")]
    await private_ca.revoke(to_revoke(one), now=LATER)
    before = (await crl_of(storage)).last_update_utc
    await private_ca.revoke(to_revoke(two), now=LATER - timedelta(minutes=30))
    assert (await crl_of(storage)).last_update_utc >= before


async def test_only_what_this_ca_signed_can_be_revoked(
    storage: Storage, fresh: Storage, private_ca: PrivateCa, sealer: Sealer
) -> None:
    """A leaf of another CA, a wrong serial, a wrong authority or no certificate at all is refused and not listed."""
    await create_authorities(fresh, sealer, public_url=PUBLIC_URL, now=NOW)
    foreign = await signed(ca_over(fresh), order())
    ours = to_revoke(await signed(private_ca, order()))
    wrongs = [{"serial": "abcdef"}, {"issuer": "rsa"}, {"issuer": "nobody"}, {"leaf_pem": "nothing"}]
    for wrong in [to_revoke(foreign), *(ours.model_copy(update=change) for change in wrongs)]:
        with pytest.raises(IssuerRefused) as refused:
            await private_ca.revoke(wrong, now=LATER)
        assert refused.value.reason == "unknown_leaf"
    assert len(await crl_of(storage)) == 0


async def test_an_expired_entry_leaves_after_one_more_edition(
    storage: Storage, private_ca: PrivateCa, sealer: Sealer
) -> None:
    """RFC 5280 3.3: an entry appears in one edition after the leaf's end, then goes."""
    leaf = await signed(private_ca, order())
    await private_ca.revoke(to_revoke(leaf), now=END - timedelta(hours=1))
    sizes = []
    for days in (1, 3):
        await refresh_crls(storage, sealer, now=END + timedelta(days=days))
        sizes.append(len(await crl_of(storage)))
    assert sizes == [1, 0]


async def test_a_leaf_that_expired_is_confirmed_without_a_new_edition(
    storage: Storage, private_ca: PrivateCa, sealer: Sealer
) -> None:
    """Revoking what has expired is confirmed at once."""
    leaf = await signed(private_ca, order())
    await refresh_crls(storage, sealer, now=END + timedelta(days=2))
    number = number_of(await crl_of(storage))
    await private_ca.revoke(to_revoke(leaf), now=END + timedelta(days=2))
    assert number_of(await crl_of(storage)) == number


async def test_lists_are_renewed_daily_and_the_roots_monthly(storage: Storage, sealer: Sealer) -> None:
    """A refresh renews what is a day old, and the root's list when it is a month old; the rest stays."""
    renewed = [
        set(await refresh_crls(storage, sealer, now=NOW + after))
        for after in (timedelta(hours=23), timedelta(hours=24), timedelta(hours=25), timedelta(days=31))
    ]
    assert renewed == [set(), {*ISSUING}, set(), {ROOT, *ISSUING}]


async def test_a_list_that_ends_within_four_days_is_renewed_however_young(storage: Storage, sealer: Sealer) -> None:
    """A young list with an early end, as another version may have left it, is renewed."""
    end = NOW + timedelta(days=4)
    async with storage.begin() as tx:
        await tx.authorities.set_crl("rsa", number=2, crl=b"short", this_update=NOW, next_update=end)
    assert await refresh_crls(storage, sealer, now=NOW) == ("rsa",)


async def test_refreshing_by_two_at_once_makes_one_edition(
    storage: Storage, neighbour: Storage, sealer: Sealer
) -> None:
    """Two workers that refresh at once renew each list once between them."""
    due = NOW + timedelta(days=2)
    await asyncio.gather(*(refresh_crls(place, sealer, now=due) for place in (storage, neighbour)))
    assert [number_of(await crl_of(storage, authority_id)) for authority_id in ISSUING] == [2, 2]


@pytest.mark.parametrize("authority_id", [ROOT, *ISSUING])
async def test_a_list_is_signed_by_its_authority_and_says_its_scope(storage: Storage, authority_id: str) -> None:
    """A CRL verifies with its authority's key, and covers leaves only, or authorities only at the root."""
    crl = await crl_of(storage, authority_id)
    certificate = x509.load_der_x509_certificate((await authority_in(storage, authority_id)).certificate)
    scope = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    assert crl.is_signature_valid(certificate.public_key())  # type: ignore[arg-type]
    assert (scope.only_contains_ca_certs, scope.only_contains_user_certs) == (
        authority_id == ROOT,
        authority_id != ROOT,
    )


async def test_lists_of_leaves_hold_a_week(storage: Storage) -> None:
    """A CRL of leaves holds seven days, under the ten that are allowed."""
    for family in KeyFamily:
        crl = await crl_of(storage, family.value)
        assert crl.next_update_utc == crl.last_update_utc + LEAVES_TERM.lifetime
